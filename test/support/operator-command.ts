/** `payctl`, as an operator runs it who is logged in nowhere. */
import { type ChildProcess, execFile } from 'node:child_process';
import { WORKER_SETTINGS } from '../../src/core/settings/variables.ts';

const COMMAND_DEADLINE_MS = 100_000;
/** What is said of work that has not ended after ten seconds, which on a busy machine is any. */
const PROGRESS_LINE = /^.+ {2}\d+ s\n/gm;

export interface Ended {
  exitCode: number;
  stdout: string;
  /** Without the lines that say how far it is. */
  stderr: string;
}

export interface Place {
  /** A home directory with nothing in it. */
  home: string;
  /** Of the project; it is this one, unless another is named. */
  cwd?: string;
  /** Variables of the environment, beside those of this process that are no settings of the Worker's. */
  env?: Record<string, string>;
  /** What is piped in. Without it, standard input is empty. */
  input?: string;
  /** Gets its process, to end it or to close its output. */
  onStart?: (child: ChildProcess) => void;
}

/** `npx payctl ARGS` */
export function npxPayctl(args: readonly string[], place: Place): Promise<Ended> {
  return run('npx', ['payctl', ...args], place);
}

/** The same without npx, which takes longer to start than many a command to end. */
export function payctl(args: readonly string[], place: Place): Promise<Ended> {
  return run(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/cli/payctl.ts', ...args], place);
}

function run(
  file: string,
  args: readonly string[],
  { home, cwd, env: own, input = '', onStart }: Place,
): Promise<Ended> {
  const isOurs = (name: string) => WORKER_SETTINGS.has(name) || /^CLOUDFLARE_API_(TOKEN|KEY)$/.test(name);
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !isOurs(name)));
  const options = {
    // Of npm itself, whose notices of new versions are on standard error.
    env: { ...env, XDG_CONFIG_HOME: home, HOME: home, npm_config_update_notifier: 'false', ...own },
    timeout: COMMAND_DEADLINE_MS,
    ...(cwd !== undefined && { cwd }),
  };
  return new Promise((resolve) => {
    const child = execFile(file, args, options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr: withoutProgress(stderr) }),
    );
    onStart?.(child);
    // A command that refuses its arguments has ended before it reads.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** What a command says on standard error beside how far it is. */
export function withoutProgress(stderr: string): string {
  return stderr.replace(PROGRESS_LINE, '');
}
