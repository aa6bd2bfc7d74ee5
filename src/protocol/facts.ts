import type { Control, Enforcement } from './controls.ts'
import type { Activity, JailExit, JailLimitHit } from './jail-status.ts'
import type { SyncReport } from './workspace.ts'

/**
 * What happened, as the rooms say it; `audit/` turns each into an OCSF event and chains it.
 * A fact about a decision is written before the decision takes effect.
 */
export type Fact =
  | StartFact
  | ReceiptFact
  | StartFailedFact
  | StopFact
  | ActivityFact
  | LimitFact
  | MessageFact
  | RefusalFact
  | ServerLogFact
  | EntryFact
  | EntryEndFact
  | AskFact
  | AskAnswerFact
  | EgressFact
  | PublishFact
  | WorkspaceFact

export interface StartFact {
  readonly fact: 'start'
  readonly server: string
  readonly driver: string
  readonly command: readonly string[]
  /** SHA-256 of the plan's canonical JSON, hex. */
  readonly plan: string
  readonly allowDegraded: readonly Control[]
}

export interface ReceiptFact {
  readonly fact: 'receipt'
  readonly enforcements: readonly Enforcement[]
  readonly pid: number
}

export interface StartFailedFact {
  readonly fact: 'start-failed'
  readonly code: string
  readonly message: string
}

export interface StopFact {
  readonly fact: 'stop'
  readonly exit: Omit<JailExit, 'event'>
  /** We ended it at once, since what it was there for was done. */
  readonly unneeded?: true
}

export interface ActivityFact {
  readonly fact: 'activity'
  readonly activity: Omit<Activity, 'event'>
}

export interface LimitFact {
  readonly fact: 'limit'
  readonly limit: JailLimitHit['limit']
  readonly detail: string
}

export type Direction = 'client-to-server' | 'server-to-client'

/** A message that passed, when policy had something to say about it: today each `tools/call`. */
export interface MessageFact {
  readonly fact: 'message'
  readonly direction: Direction
  readonly method: string
  /** The tool's name, for `tools/call`. */
  readonly tool: string | undefined
  /** JSON of the request id. */
  readonly id: string | undefined
  readonly bytes: number
  /** SHA-256 of the arguments' bytes, hex: the arguments themselves may hold secrets. */
  readonly argumentsSha256: string | undefined
  readonly verdict: 'allowed' | 'denied'
  readonly rule: string
}

/** A message that was not forwarded. */
export interface RefusalFact {
  readonly fact: 'refusal'
  readonly direction: Direction
  /** Stable word: `malformed-json`, `too-large`, `too-deep`, `duplicate-key`, … */
  readonly reason: string
  /** One sentence, with nothing of the message's content but names that passed the checks. */
  readonly detail: string
  readonly bytes: number
}

/** A line that the server wrote to stderr, or to stdout where it is not a message. Cut at 4 KiB, redacted later. */
export interface ServerLogFact {
  readonly fact: 'server-log'
  readonly stream: 'stdout' | 'stderr'
  readonly text: string
}

/**
 * Somebody goes into a running sandbox. It has a chain of its own, begun before anything is asked of the inside: the
 * sandbox's chain is written by the process that it belongs to, and by nobody else.
 */
export interface EntryFact {
  readonly fact: 'entry'
  readonly kind: 'exec' | 'shell' | 'ssh' | 'copy-in' | 'copy-out'
  /** The id of the sandbox. */
  readonly into: string
  readonly command: readonly string[]
}

export interface EntryEndFact {
  readonly fact: 'entry-end'
  readonly into: string
  /** Exit code of our own command. */
  readonly code: number
  /** In words, with nothing of the sandbox's. */
  readonly how: string
}

/** A person is asked, in the client, about a connection that no rule allows. */
export interface AskFact {
  readonly fact: 'ask'
  /** Numbers the questions of a sandbox, from 1. */
  readonly question: number
  readonly process: { readonly pid: number; readonly program: string } | null
  readonly name: string
  readonly port: number
}

/** What came of the question, before it takes effect. */
export interface AskAnswerFact {
  readonly fact: 'ask-answer'
  readonly question: number
  readonly name: string
  readonly port: number
  readonly answer: 'once' | 'always' | 'no'
  /** Who answered: `person`; `time`, when nobody did within it; `client`, which could not show it, or left. */
  readonly by: 'person' | 'time' | 'client'
}

/** What became of connections to the outside, and of questions for names that nobody may connect to. */
export type EgressFact = EgressOpenFact | EgressRefuseFact | EgressFailFact | EgressCloseFact | LookupFact

interface EgressAbout {
  /** Numbers the connections of a sandbox, from 1: one that was opened is closed by the same number. */
  readonly flow: number
  /** Who asked, as the supervisor saw it; null where that is not known. */
  readonly process: { readonly pid: number; readonly program: string } | null
  /** What was asked for; null where it was an address. */
  readonly name: string | null
  readonly port: number
  /** Absent: by a connection, TCP. */
  readonly protocol?: 'udp'
  readonly rule: string
  /** Where this stands for the same attempt again and again: how often it was made, and when first and last. */
  readonly times?: { readonly count: number; readonly sinceMs: number; readonly untilMs: number }
  /** Where this is the last of a flood: how many others were not made, since the one before, that have no fact of their own. */
  readonly unrecorded?: number
}

/** A connection is about to be made. */
export interface EgressOpenFact extends EgressAbout {
  readonly fact: 'egress-open'
  /** In the order in which they are tried, all of them checked; empty where a proxy of the host's looks the name up. */
  readonly addresses: readonly string[]
}

/** A connection that is not made, or that is cut off for what it began with. */
export interface EgressRefuseFact extends EgressAbout {
  readonly fact: 'egress-refuse'
  /** What the program connected to, where that says anything. */
  readonly address: string | null
  /** One sentence, with nothing of the program's in it but names that passed the checks. */
  readonly reason: string
}

/** It was allowed, and could not be made. */
export interface EgressFailFact extends EgressAbout {
  readonly fact: 'egress-fail'
  readonly addresses: readonly string[]
  readonly reason: string
}

export interface EgressCloseFact extends EgressAbout {
  readonly fact: 'egress-close'
  /** What was connected to; null where a proxy did it. */
  readonly address: string | null
  /** Bytes that the sandbox sent, and that it was sent. */
  readonly sent: number
  readonly received: number
  /** Where it was by datagrams: how many went out, came back, and were dropped for the limits of the sandbox. */
  readonly datagrams?: { readonly sent: number; readonly received: number; readonly dropped: number }
  readonly ms: number
  /** `end`, `reset`, `idle`, `limit`, `refused`: see `egress-link.ts` */
  readonly reason: string
}

/** A question for a name that may not be connected to. The same one again is recorded once a minute. */
export interface LookupFact {
  readonly fact: 'lookup'
  readonly process: { readonly pid: number; readonly program: string } | null
  /** Hostile text, made of plain characters: what is none is `\DDD` (RFC 1035, 5.1). */
  readonly name: string
  /** The number of the type of record that was asked for. */
  readonly type: number
  readonly rule: string
  /** How many others were refused since the last of these, which came too fast to be recorded one by one. */
  readonly unrecorded: number
}

/** What became of connections that came from this machine to a port of the sandbox. */
export type PublishFact = PublishOpenFact | PublishRefuseFact | PublishFailFact | PublishCloseFact

interface PublishAbout {
  /** Numbers these connections of a sandbox, from 1. */
  readonly flow: number
  /** Who connected: an address of the loopback, and a port. */
  readonly peer: Place
  /** Where it connected to. */
  readonly host: Place
  /** The port inside that this leads to. */
  readonly port: number
}

interface Place {
  readonly address: string
  readonly port: number
}

/** Somebody has connected, and is about to be led inside. */
export interface PublishOpenFact extends PublishAbout {
  readonly fact: 'publish-open'
}

/** A connection that is one too many. */
export interface PublishRefuseFact extends PublishAbout {
  readonly fact: 'publish-refuse'
  readonly reason: string
  /** How many others were refused since the last of these, which came too fast to be recorded one by one. */
  readonly unrecorded: number
}

/** It was let in, and nobody took it. */
export interface PublishFailFact extends PublishAbout {
  readonly fact: 'publish-fail'
  /** One sentence; what the inside says is untrusted. */
  readonly reason: string
}

export interface PublishCloseFact extends PublishAbout {
  readonly fact: 'publish-close'
  /** Bytes that the sandbox sent, and that it was sent. */
  readonly sent: number
  readonly received: number
  readonly ms: number
  /** `end`: both have said their last; `reset` by the one that connected, `lost` inside, `sandbox-ended`. */
  readonly reason: 'end' | 'reset' | 'lost' | 'sandbox-ended'
}

/** What was copied into a sandbox, and what came back of it. */
export type WorkspaceFact = WorkspaceInFact | WorkspaceOutFact

export interface WorkspaceInFact {
  readonly fact: 'workspace-in'
  readonly workspace: string
  readonly files: number
  readonly bytes: number
  /** How many were no file, directory or link, or could not be read. */
  readonly leftOut: number
}

export interface WorkspaceOutFact {
  readonly fact: 'workspace-out'
  readonly workspace: string
  /** The sandbox that changed it. */
  readonly of: string
  readonly state: SyncReport['state']
  readonly added: number
  readonly changed: number
  readonly deleted: number
  /** The first of them, as text that can be shown: `+ path`, `~ path`, `- path`. */
  readonly paths: readonly string[]
  /** Where this machine had something else: each with why. */
  readonly conflicts: readonly string[]
  /** What a tool of this machine would run: taken over with a yes, or held. */
  readonly warnings: readonly string[]
  readonly held: readonly string[]
  readonly failed: readonly string[]
  /** The backup's name; null where nothing was replaced. */
  readonly backup: string | null
}

/** Takes a fact and returns when it is in the file; throws when it cannot be written, which fails what was to happen. */
export type Recorder = (fact: Fact) => void
