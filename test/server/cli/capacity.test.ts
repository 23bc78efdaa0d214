// The command `sotto capacity`, as a newcomer uses it.
import t from 'tap';
import { runSotto } from '../../support/run-command.js';
import { sampled } from '../../support/whole-run.js';

async function capacity(...args: string[]) {
  return await runSotto(['capacity', ...args]).result;
}

t.test('with nothing said: this machine, or a sentence that says what to do', async (t) => {
  const { code, stdout, stderr } = await capacity();
  if (code === 0)
    t.match(stdout, /^About [\d,]+ users a day: .+\n\nMeasured on: .+\n[\s\S]+Users a day\n[\s\S]+Rented machines/);
  else t.match(stderr, /Nobody has measured .+ bench -- capacity/);
});

t.test('a unit, more of them, users, as text in both languages and as JSON', async (t) => {
  const args = ['--unit', 'h200-turbo-adapted', '--units', '2', '--users', '50000'];
  const english = await capacity(...args);
  t.match(english.stdout, /800 {2}Live streams at the measured limit/);
  t.match(english.stdout, /\d {2}Units needed for them/);
  const chinese = await capacity(...args, '--language', 'zh');
  t.match(chinese.stdout, /800 {2}实测上限的实时流数/);
  const { plan, unitsNeeded } = JSON.parse((await capacity(...args, '--json')).stdout) as {
    plan: { streams: number };
    unitsNeeded: number;
  };
  t.equal(plan.streams, 800);
  t.equal(unitsNeeded, 5);
});

t.test('the help tells the defaults of a GPU, and of a CPU where they differ', async (t) => {
  const said = (await capacity('--help')).stdout.replaceAll(/\s+/g, ' ');
  t.match(said, /--unit-price <n> .*?\(default: a GPU: 35000; 2 CPU cores: 400\)/);
  t.match(said, /--watts <n> .*?\(default: a GPU: 700; 2 CPU cores: 30\)/);
  t.match(said, /--rent-per-hour <n> .*?\(default: a GPU: 3; 2 CPU cores: 0\.08\)/);
  t.match(said, /--years <n> Years of use \(default: 3\)/);
  t.match(said, /--api-price-per-minute <n> .*?OpenAI: 0\.006 .*?\(default: 0\.006\)/);
});

t.test("one's own measurement takes the place of the table's", async (t) => {
  const { stdout } = await capacity('--unit', 'cpu-base-adapted', '--streams', '37', '--headroom', '1', '--units', '1');
  t.match(stdout, /^About [\d,]+ users a day: 37 may .+\n\nmy own measurement\n/);
  t.match(stdout, /37 {2}Live streams to plan with/);
});

t.test('bad input is refused in a sentence', async (t) => {
  const wrong = [
    [['--unit', 'abacus'], /no unit "abacus"; there are h200/],
    [['--headroom', '3'], /--headroom 3: A number from 0.1 to 1/],
    [['--streams', 'many'], /"many" is not a number/],
    [['--language', 'fr'], /Allowed choices are en, zh/],
  ] as const;
  for (const [args, said] of sampled(wrong, 1)) {
    const { code, stderr } = await capacity(...args);
    t.equal(code, 2, args.join(' '));
    t.match(stderr, said);
  }
});
