/**
 * The column of a member of our objects: `started_at` of `startedAtMs`, and of `startedAt`, as it is read.
 * A time says its unit in our objects alone: in Postgres, and as ISO 8601 text, it has none.
 */
export function columnNameOf(member: string): string {
  return memberAsRead(member).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** The member as the reader calls it: `startedAt` of `startedAtMs`. */
export function memberAsRead(member: string): string {
  return member.replace(/AtMs$/, 'At')
}

export type MemberAsRead<Member> = Member extends `${infer Event}AtMs` ? `${Event}At` : Member
