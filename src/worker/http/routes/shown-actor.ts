/** Who has done something, as the organisation is shown that it was done to. */
const OPERATOR = 'operator';
/** Of whoever runs the installation: at the command line, through Cloudflare Access, or at a desk. */
const OF_INSTALLATION = /^(operator|access|console)(:|$)/;

/** Organisations are not shown which operator it was. */
export function shownActor(actor: string): string {
  return actor.startsWith(OPERATOR) ? OPERATOR : actor;
}

/** Whether it certainly was nobody of another organisation than the first one. */
export function isOfInstallation(actor: string): boolean {
  return OF_INSTALLATION.test(actor);
}
