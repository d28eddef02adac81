/** The operator's commands, as whoever is logged in nowhere runs them. */
import { execFile } from 'node:child_process';

const COMMAND_DEADLINE_MS = 50_000;

export interface Ended {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface Place {
  /** A home directory with nothing in it. */
  home: string;
  /** Of the project; it is this one, unless another is named. */
  cwd?: string;
}

/** `npm run --silent SCRIPT -- ARGS` */
export function npmRun(script: string, args: readonly string[], place: Place): Promise<Ended> {
  return run('npm', ['run', '--silent', script, '--', ...args], place);
}

/** The same without npm, which takes longer to start than many a command to end. */
export function runScript(script: string, args: readonly string[], place: Place): Promise<Ended> {
  return run(process.execPath, ['--disable-warning=ExperimentalWarning', `src/cli/${script}.ts`, ...args], place);
}

function run(file: string, args: readonly string[], { home, cwd }: Place): Promise<Ended> {
  const { CLOUDFLARE_API_TOKEN: _, CLOUDFLARE_API_KEY: __, ...env } = process.env;
  const options = {
    env: { ...env, XDG_CONFIG_HOME: home, HOME: home },
    timeout: COMMAND_DEADLINE_MS,
    ...(cwd !== undefined && { cwd }),
  };
  return new Promise((resolve) => {
    const child = execFile(file, args, options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
