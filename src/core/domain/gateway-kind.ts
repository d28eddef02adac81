/** The kind of a gateway, such as `stripe`: not its whole name, which has an address or an account in it. */
export function gatewayKind(name: string): string {
  return name.split(':')[0] ?? name;
}
