/**
 * Gives the column of a member of our objects: `started_at` of `startedAtMs`, and of `startedAt`, as it is read. Only
 * our objects name the unit of a time: Postgres and ISO 8601 text need none.
 */
export function columnNameOf(member: string): string {
  return memberAsRead(member).replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

/** Gives the member as the reader calls it: `startedAt` of `startedAtMs`. */
export function memberAsRead(member: string): string {
  return member.replace(/AtMs$/, 'At')
}

export type MemberAsRead<Member> = Member extends `${infer Event}AtMs` ? `${Event}At` : Member
