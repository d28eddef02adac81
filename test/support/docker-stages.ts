/**
 * Carries out the stages of the Dockerfile without Docker: as plain commands, each stage in a directory of its own, with nothing in it but
 * what the stage puts there. Paths of the image are below that directory.
 */
import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';

const RUN_DEADLINE_MS = 120_000;

export interface Stage {
  name: string;
  image: string;
  instructions: { keyword: string; text: string }[];
}

export interface BuiltStage {
  root: string;
  workingDirectory: string;
  env: Record<string, string>;
  user: string | null;
  command: string[];
  healthCheck: string;
}

export function stagesOf(dockerfile: string): Stage[] {
  const lines = readFileSync(dockerfile, 'utf8')
    .replace(/^\s*#.*\n/gm, '')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line.trim() !== '');
  const stages: Stage[] = [];
  for (const line of lines) {
    const [, keyword = '', text = ''] = /^(\w+)\s+(.*)$/.exec(line) ?? [];
    if (keyword === 'FROM') {
      const [, image = '', name = ''] = /^(\S+) AS (\S+)$/.exec(text) ?? [];
      stages.push({ name, image, instructions: [] });
    } else stages.at(-1)?.instructions.push({ keyword, text });
  }
  return stages;
}

/** Builds a stage, and before it those that it copies from. */
export async function buildStage(stages: readonly Stage[], name: string, directory: string): Promise<BuiltStage> {
  const stage = stages.find((one) => one.name === name);
  if (stage === undefined) throw new Error(`the Dockerfile has no stage ${name}`);
  const root = join(directory, name);
  const built: BuiltStage = {
    ...{ root, workingDirectory: root, env: {}, user: null, command: [], healthCheck: '' },
  };
  mkdirSync(root, { recursive: true });
  for (const { keyword, text } of stage.instructions) {
    switch (keyword) {
      case 'WORKDIR':
        built.workingDirectory = join(root, text);
        mkdirSync(built.workingDirectory, { recursive: true });
        break;
      case 'COPY':
        await copy(stages, built, text, directory);
        break;
      case 'RUN':
        await run(built, text);
        break;
      case 'ENV':
        for (const [, variable = '', value = ''] of text.matchAll(/(\w+)=(\S+)/g)) {
          built.env[variable] = value.startsWith('/') ? join(root, value) : value;
        }
        break;
      case 'USER':
        built.user = text;
        break;
      case 'CMD':
        built.command = JSON.parse(text);
        break;
      case 'HEALTHCHECK':
        built.healthCheck = text.replace(/^.*?CMD /, '');
        break;
      case 'EXPOSE':
        break;
      default:
        throw new Error(`${keyword} is not known`);
    }
  }
  return built;
}

async function copy(stages: readonly Stage[], built: BuiltStage, text: string, directory: string): Promise<void> {
  const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(text) ?? [];
  const [target = '', ...sources] = paths.split(' ').toReversed();
  const other = from === undefined ? null : await buildStage(stages, from, directory);
  for (const source of sources.toReversed()) {
    if (other === null && !isInContext(source)) throw new Error(`.dockerignore keeps ${source} out`);
    const isDirectory = target.endsWith('/');
    const into = resolve(built.workingDirectory, target);
    const path = other === null ? source : join(other.root, source);
    cpSync(path, isDirectory ? join(into, basename(source)) : into, { recursive: true });
  }
}

/** The file excludes everything, and names what is not excluded. */
function isInContext(path: string): boolean {
  const [all, ...named] = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  return all === '*' && named.some((line) => line.startsWith('!') && `${path}/`.startsWith(`${line.slice(1)}/`));
}

async function run({ root, workingDirectory, env }: BuiltStage, text: string): Promise<void> {
  if (text.startsWith('npm ci ') && text.includes('--include=dev')) return link(workingDirectory);
  const command = text
    .replaceAll(/(?<= )\/(?=\w)/g, `${root}/`)
    .replaceAll('node:node', `${process.getuid?.()}:${process.getgid?.()}`);
  await promisify(execFile)('/bin/sh', ['-c', command], {
    cwd: workingDirectory,
    // With this machine's registry and cache.
    env: { ...process.env, ...env, PATH: basicEnvironment(root).PATH, npm_config_prefer_offline: 'true' },
    timeout: RUN_DEADLINE_MS,
  });
}

/**
 * In place of an installation that takes a minute: the packages that are installed here. Those commands and that package are left out which
 * install scripts make, and which are therefore not there with --ignore-scripts.
 */
function link(directory: string): void {
  const modules = join(directory, 'node_modules');
  mkdirSync(modules);
  for (const name of readdirSync('node_modules')) {
    if (name !== '.bin' && name !== 'node') symlinkSync(resolve('node_modules', name), join(modules, name));
  }
}

/** The Node of the image, and nobody's settings. */
export function basicEnvironment(home: string): Record<string, string> {
  return { PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin`, HOME: home };
}

interface ComposeService {
  build?: { target: string };
  environment?: Record<string, string>;
  env_file?: { path: string; required: boolean }[];
  [field: string]: unknown;
}

/** The services, with each `${NAME:-default}` and `${NAME:+text}` as it is with these variables. */
export function composeServices(file: string, variables: Record<string, string>): Record<string, ComposeService> {
  const text = readFileSync(file, 'utf8')
    .replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, otherwise: string) => variables[name] || otherwise)
    .replaceAll(/\$\{(\w+):\+([^}]*)\}/g, (_, name: string, given: string) => (variables[name] ? given : ''));
  if (/\$\{/.test(text.replaceAll(/^\s*#.*$/gm, ''))) throw new Error(`${file} has a variable without a default`);
  return parse(text).services;
}

/** All files below, but for the packages. */
export function filesBelow(directory: string): string[] {
  if (!existsSync(directory)) return [];
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !name.startsWith('node_modules'),
  );
}
