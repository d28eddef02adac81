/** By shifting digits, so that nothing is ever rounded, and by other code than the service's own. */
export function hundredths(literal: string): number {
  const [mantissa = '', power = '0'] = literal.split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  const decimals = 2 + Number(power);
  return Number(BigInt(`${whole}${fraction.padEnd(decimals, '0').slice(0, decimals)}`));
}
