// `sotto capacity`: how many people this machine, or another one, carries, and what it costs.
import { inspectDevices } from '@sotto/models';
import { cpus } from 'node:os';
import { Option, type Command } from 'commander';
import {
  ASSUMPTION_NAMES,
  ASSUMPTIONS,
  isAssumable,
  USUAL_ASSUMPTIONS,
  type AssumptionName,
  type Assumptions,
} from '../capacity/assumptions.js';
import { MEASURED_UNITS, measuredUnit, unitLike, type MeasuredUnit } from '../capacity/measured.js';
import { planCapacity, unitsForUsers, type CapacityPlan, type UnitFigures } from '../capacity/plan.js';
import { answerText, CAPACITY_WORDS, figureText, type CapacityLanguage } from '../capacity/words.js';
import { CommandError } from './command-error.js';

type CapacityFlags = Partial<Record<AssumptionName, number>> & {
  readonly unit?: string;
  readonly streams?: number;
  readonly filesSpeed?: number;
  readonly users?: number;
  readonly language: CapacityLanguage;
  readonly list?: true;
  readonly json?: true;
};

export function registerCapacityCommand(program: Command): void {
  const command = program
    .command('capacity')
    .description(
      'Work out how many people this machine can serve, and what it costs. The page /capacity does the same.',
    )
    .option('--list', 'the measured units to start from')
    .addOption(new Option('--unit <key>', 'start from this unit instead of what is found here (see --list)'))
    .option('--streams <n>', 'live streams on one unit, by your own measurement', positive)
    .option('--files-speed <n>', 'seconds of recordings transcribed in a second, by your own measurement', positive)
    .option('--users <n>', 'how many units this many users a day need', positive)
    .addOption(new Option('--language <code>', 'language of the answer').choices(['en', 'zh']).default('en'))
    .option('--json', 'the figures as JSON');
  for (const name of ASSUMPTION_NAMES) {
    const { min, max } = ASSUMPTIONS[name];
    const help = `${CAPACITY_WORDS.en.assumption[name]} (${usualText(name)})`;
    const read = (text: string): number => {
      const value = positive(text);
      if (isAssumable(name, value)) return value;
      throw new CommandError(`--${flagOf(name)} ${text}: A number from ${min} to ${max} is needed.`, 2);
    };
    command.option(`--${flagOf(name)} <n>`, help, read);
  }
  command.action(capacity);
}

async function capacity(flags: CapacityFlags): Promise<void> {
  if (flags.list) return void process.stdout.write(listOf(flags.language));
  const here = flags.unit === undefined ? await unitHere() : undefined;
  const measured = flags.unit === undefined ? here?.unit : knownUnit(flags.unit);
  const unit = figuresOf(flags, measured, here?.gpu);
  const given = Object.fromEntries(ASSUMPTION_NAMES.flatMap((name) => (name in flags ? [[name, flags[name]]] : [])));
  const assumptions: Assumptions = {
    ...USUAL_ASSUMPTIONS,
    ...(here === undefined ? {} : { units: here.units }),
    ...measured?.usual,
    ...given,
  };
  const plan = planCapacity(unit, assumptions);
  const needed = flags.users === undefined ? undefined : unitsForUsers(unit, assumptions, flags.users);
  if (flags.json) {
    const whole = { unit: { ...measured, ...unit }, assumptions, plan, usersWanted: flags.users, unitsNeeded: needed };
    process.stdout.write(`${JSON.stringify(whole, null, 2)}\n`);
  } else {
    process.stdout.write(reportOf({ flags, measured, unit, assumptions, plan, needed }));
  }
}

/** What of the measured units this machine has, and how many of them. */
async function unitHere(): Promise<{ unit?: MeasuredUnit; units: number; gpu?: string }> {
  const { driver } = await inspectDevices();
  const gpus = driver.isThere ? driver.gpus : [];
  const [gpu] = gpus;
  const unit = unitLike(gpu?.name);
  return {
    units: gpus.length > 0 ? gpus.length : Math.max(1, Math.floor(cpus().length / 2)),
    ...(unit === undefined ? {} : { unit }),
    ...(gpu === undefined ? {} : { gpu: gpu.name }),
  };
}

function knownUnit(key: string): MeasuredUnit {
  const unit = measuredUnit(key);
  if (unit !== undefined) return unit;
  const keys = MEASURED_UNITS.map((known) => known.key).join(', ');
  throw new CommandError(`There is no unit "${key}"; there are ${keys}.`, 2);
}

function figuresOf(flags: CapacityFlags, measured: MeasuredUnit | undefined, gpu: string | undefined): UnitFigures {
  const streams = flags.streams ?? measured?.streams;
  if (streams !== undefined) return { streams, filesSpeed: flags.filesSpeed ?? measured?.filesSpeed };
  throw new CommandError(
    `Nobody has measured a ${gpu ?? 'machine like this'} yet. Measure it, in about two minutes:\n` +
      `  npm run bench -- capacity --connections 25,50,100,200 --seconds 15 -- --devices ${gpu === undefined ? 'cpu' : 'cuda:0'}\n` +
      'Then: npx sotto capacity --streams N, with the largest number that held. Or start from another unit: --unit KEY (see --list).',
    1,
  );
}

interface Report {
  readonly flags: CapacityFlags;
  readonly measured: MeasuredUnit | undefined;
  readonly unit: UnitFigures;
  readonly assumptions: Assumptions;
  readonly plan: CapacityPlan;
  readonly needed: number | undefined;
}

function reportOf({ flags, measured, unit, assumptions, plan, needed }: Report): string {
  const { language } = flags;
  const t = CAPACITY_WORDS[language];
  const lines = [answerText(plan, assumptions, language), ''];
  const row = (label: string, value: string): number => lines.push(`  ${value.padStart(12)}  ${label}`);
  if (measured !== undefined && flags.streams === undefined) {
    lines.push(`${t.unit}: ${measured.device}, ${measured.model}, ${t.forms[measured.form]} (--unit ${measured.key})`);
    lines.push(`${t.latency(measured.wordsP95Ms, measured.finalsP95Ms)} ${measured.how[language]}`);
  } else lines.push(t.own);
  row(t.streamsPerUnit, figureText(unit.streams, language));
  row(t.filesSpeed, figureText(unit.filesSpeed, language));
  lines.push('', t.assumptions);
  for (const name of ASSUMPTION_NAMES) {
    row(`${t.assumption[name]}  --${flagOf(name)}`, figureText(assumptions[name], language));
  }
  lines.push('', t.results);
  for (const name of Object.keys(plan) as (keyof CapacityPlan)[]) row(t.result[name], figureText(plan[name], language));
  if (flags.users !== undefined) {
    lines.push('');
    row(t.usersWanted, figureText(flags.users, language));
    row(t.unitsNeeded, needed === undefined ? '> 1,000,000' : figureText(needed, language));
  }
  lines.push('', measured?.form === 'stock' ? t.adapt : t.measureYours);
  return `${lines.join('\n')}\n`;
}

function listOf(language: CapacityLanguage): string {
  const t = CAPACITY_WORDS[language];
  return MEASURED_UNITS.map(
    ({ key, device, model, form, streams, wordsP95Ms, finalsP95Ms, how }) =>
      `${key}\n  ${device}, ${model}, ${t.forms[form]}: ${figureText(streams, language)}  ${t.streamsPerUnit}\n` +
      `  ${t.latency(wordsP95Ms, finalsP95Ms)} ${how[language]}\n`,
  ).join('');
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new CommandError(`"${text}" is not a number.`, 2);
}

/** The usual value, and those of measured units that differ: a CPU's price, power and rent are no GPU's. */
function usualText(name: AssumptionName): string {
  const others = MEASURED_UNITS.flatMap(({ device, usual }) =>
    usual?.[name] === undefined ? [] : [`${device}: ${usual[name]}`],
  );
  return [`default: ${others.length > 0 ? 'a GPU: ' : ''}${ASSUMPTIONS[name].usual}`, ...others].join('; ');
}

/** `usesPerDay` is `--uses-per-day`. */
function flagOf(name: AssumptionName): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
