/** Runs the steps of a workflow of GitHub Actions on this machine: each `run` as it is, with the values that GitHub would put into it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';

const STEP_DEADLINE_MS = 120_000;

interface Step {
  id?: string;
  name?: string;
  uses?: string;
  run?: string;
  if?: string;
  env?: Record<string, string>;
}
interface Job {
  env?: Record<string, string>;
  steps: Step[];
}

/** What expressions may name, such as `secrets.CLOUDFLARE_API_TOKEN`. */
export type Values = Record<'inputs' | 'secrets' | 'vars', Record<string, string>>;

export interface StepResult {
  name: string;
  exitCode: number;
  output: string;
}

/**
 * Steps that use an action of others are left out, and so is `npm ci`: the directory has what they bring.
 *
 * @returns the steps that were run, in their order
 * @throws Error on an expression that it does not know
 */
export async function runJob(
  file: string,
  job: string,
  values: Values,
  options: { directory: string; env: NodeJS.ProcessEnv },
): Promise<StepResult[]> {
  const { env = {}, steps }: Job = parse(readFileSync(file, 'utf8')).jobs[job];
  const results: StepResult[] = [];
  const outputs: Record<string, string> = {};
  const temporary = mkdtempSync(join(tmpdir(), 'workflow-'));
  const lookUp = (expression: string): string => {
    const [area = '', ...path] = expression.split('.');
    if (area === 'steps') return outputs[path.join('.')] ?? '';
    const known: Record<string, Record<string, string>> = values;
    const value = known[area]?.[path.join('.')];
    if (value === undefined) throw new Error(`${file}: nothing is known of ${expression}`);
    return value;
  };
  const filledIn = (variables: Record<string, string>) =>
    Object.fromEntries(
      Object.entries(variables).map(([name, text]) => [
        name,
        text.replace(/\$\{\{\s*([\w.]+)\s*\}\}/g, (_, expression: string) => lookUp(expression)),
      ]),
    );
  try {
    for (const [index, step] of steps.entries()) {
      if (step.run === undefined || step.run === 'npm ci') continue;
      if (/\$\{\{/.test(step.run))
        throw new Error(`${file}: an expression in a script is code that a value can change`);
      const failed = results.some(({ exitCode }) => exitCode !== 0);
      if (!isDue(step.if ?? 'success()', failed, lookUp)) continue;
      const outputFile = join(temporary, String(index));
      const { exitCode, output } = await runScript(step.run, options.directory, {
        ...options.env,
        ...filledIn(env),
        ...filledIn(step.env ?? {}),
        GITHUB_OUTPUT: outputFile,
      });
      for (const [, name, value] of readIfThere(outputFile).matchAll(/^(\w+)=(.*)$/gm)) {
        outputs[`${step.id}.outputs.${name}`] = value ?? '';
      }
      results.push({ name: step.name ?? step.run, exitCode, output });
    }
    return results;
  } finally {
    rmSync(temporary, { recursive: true });
  }
}

/** Of the conditions that GitHub has, those that the workflows use. */
function isDue(condition: string, failed: boolean, lookUp: (expression: string) => string): boolean {
  return condition.split('&&').every((part) => {
    const term = part.trim();
    if (term === 'success()') return !failed;
    if (term === '(failure() || cancelled())') return failed;
    const [, expression] = /^([\w.]+) != ''$/.exec(term) ?? [];
    if (expression === undefined) throw new Error(`the condition ${term} is not known`);
    return lookUp(expression) !== '';
  });
}

/** As GitHub does: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell */
function runScript(script: string, cwd: string, env: NodeJS.ProcessEnv): Promise<{ exitCode: number; output: string }> {
  return new Promise((resolve) => {
    const options = { cwd, env, timeout: STEP_DEADLINE_MS };
    const child = execFile('bash', ['-e', '-c', script], options, (_, stdout, stderr) =>
      resolve({ exitCode: child.exitCode ?? 1, output: `${stdout}${stderr}` }),
    );
  });
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // the step has written none
  }
}
