/** The first twelve digits in groups of four, as the decision page shows them. */
export function shortFingerprint(fingerprint: string): string {
  return fingerprint.slice(0, 12).match(/.{4}/g)?.join(' ') ?? fingerprint
}
