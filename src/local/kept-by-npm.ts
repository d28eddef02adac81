/**
 * Options that were written without `--` before them, as in `npm run deploy --dry-run` or `npm exec payctl keys list --remote`: npm keeps them for itself, and passes on
 * only a variable `npm_config_…`. A script that does not look there does something else than it was told.
 */

/** Those of the `options` that npm kept. A dry run is recognised however it is spelled. */
export function keptByNpm<Option extends string>(options: readonly Option[], environment: NodeJS.ProcessEnv): Option[] {
  const given = Object.entries(environment)
    .filter(([name, value]) => name.startsWith('npm_config_') && value !== '' && value !== 'false')
    .map(([name]) => name.slice('npm_config_'.length).replaceAll('_', '-'));
  return options.filter((option) =>
    given.some((name) => name === option || (option === 'dry-run' && name.startsWith('dry'))),
  );
}

/** What to say of an option that npm kept, to somebody who typed it. */
export function keptMessage(option: string, environment: NodeJS.ProcessEnv): string {
  return `npm kept --${option} for itself: write \`npm run ${environment.npm_lifecycle_event ?? 'NAME'} -- … --${option} …\``;
}
