// What the core shows to the views. Read by tsc and by people; no browser loads it.

export type Kind = 'audio' | 'video';
export type DeviceKind = 'audioinput' | 'videoinput' | 'audiooutput';
export type StreamType = 'user' | 'display' | 'remoteDisplay' | 'downlink';
/** The one of a connector's first negotiation; it never changes. */
export type Side = 'offer' | 'answer';
export type Mode = 'p2p' | 'sfu';
export type Role = 'host' | 'presenter' | 'audience';
export type Connection = 'connecting' | 'connected' | 'interrupted' | 'failed';
export type Quality = 'good' | 'fair' | 'poor';

export interface Participant {
  /** Member id; one's own is 'self'. */
  readonly id: string;
  readonly name: string;
  readonly self: boolean;
  readonly role: Role;
  /** null: not known yet. */
  readonly audio: boolean | null;
  readonly video: boolean | null;
  readonly hand: boolean;
  /** The connection to the server dropped, and its place is kept. */
  readonly away: boolean;
  readonly speaking: boolean;
  /** Camera and microphone. The object stays the same while its tracks come and go. */
  readonly camera: MediaStream | null;
  readonly screen: MediaStream | null;
  readonly connection: Connection;
  readonly quality: Quality;
}

export interface RoomState {
  readonly phase: 'idle' | 'joining' | 'joined' | 'ended';
  /** Why it is over. */
  readonly ended: 'left' | 'removed' | 'elsewhere' | 'repeat' | 'room-full' | 'locked' | 'room-closed' | 'closed' | null;
  readonly link: 'up' | 'down';
  /** Milliseconds since 1970. */
  readonly downSince: number | null;
  readonly room: string;
  readonly mode: Mode;
  /** In the audience one sends nothing, and is seen by nobody. */
  readonly role: Role;
  /** 0: no limit. */
  readonly maxMembers: number;
  /** How many may be on stage in SFU mode; 0: no limit. */
  readonly stage: number;
  /** How many listen. */
  readonly audience: number;
  /** Nobody else gets in. */
  readonly locked: boolean;
  /** The longest raised first; only a host is told. */
  readonly hands: readonly Hand[];
  /** May be more than are listed. */
  readonly handCount: number;
  /** Who stays out until a host lets them in; only a host is told. */
  readonly removed: readonly { readonly id: string; readonly name: string }[];
  /** Of one file; 0: no limit. */
  readonly maxFileBytes: number;
  readonly self: Participant;
  /** The others on stage. */
  readonly members: readonly Participant[];
  readonly messages: readonly ChatMessage[];
  readonly transfers: readonly Transfer[];
  readonly unread: number;
}

export interface Hand {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  /** Milliseconds since 1970. */
  readonly since: number;
}

export interface ChatMessage {
  readonly id: string;
  /** Member id, or 'self'. */
  readonly from: string;
  readonly name: string;
  readonly self: boolean;
  readonly at: number;
  readonly kind: 'text' | 'file';
  readonly text?: string;
  /** Id of the file's transfer. */
  readonly transfer?: string;
  /** The server did not take it. */
  readonly failed?: boolean;
}

export interface Transfer {
  readonly id: string;
  readonly direction: 'in' | 'out';
  readonly from: string;
  readonly name: string;
  readonly self: boolean;
  /** size in bytes; null when the sender did not say. */
  readonly file: { readonly name: string; readonly size: number | null; readonly type: string };
  readonly done: number;
  readonly state: 'queued' | 'active' | 'done' | 'failed' | 'cancelled' | 'slow';
  /** Names of those who take nothing, and do not get it. */
  readonly missed?: readonly string[];
  readonly url?: string;
  readonly blob?: Blob;
}

export interface Notice {
  /** 'stage', 'audience', 'host': where one is oneself now; 'unhosted': who one was before. */
  readonly kind: 'joined' | 'left' | 'hand' | 'share-started' | 'share-stopped' | 'away' | 'back' | 'error'
    | 'stage' | 'audience' | 'host' | 'unhosted' | 'muted' | 'mode' | 'locked' | 'unlocked';
  readonly name?: string;
  /** Name of who did it, where it is known. */
  readonly by?: string;
  /** What was muted. */
  readonly media?: Kind;
  readonly mode?: Mode;
  /** Of an error `mode`: the server's own words, in the person's language. */
  readonly message?: string;
  /** Of an error: a word of PROTOCOL.md section 6. */
  readonly type?: string;
}

export interface Device { readonly id: string; readonly label: string }

export interface DeviceError extends Error {
  readonly kind: Kind | 'screen';
  readonly type: 'denied' | 'missing' | 'in-use' | 'insecure' | 'unsupported' | 'unknown';
}

/** A device that was in use has ended by itself. */
export interface DeviceLoss {
  readonly kind: DeviceKind;
  /** Why no other one took over; null: another one did. */
  readonly error: DeviceError | null;
  /** Label of the one that took over; may be empty. */
  readonly device: string;
}

export interface InputState {
  /** Wanted; its track may still be on its way. */
  readonly on: boolean;
  readonly deviceId: string | null;
  readonly error: DeviceError | null;
}

export interface DevicesState {
  readonly audio: InputState;
  readonly video: InputState;
  readonly output: { readonly deviceId: string | null };
  readonly microphones: readonly Device[];
  readonly cameras: readonly Device[];
  readonly speakers: readonly Device[];
  /** Whether the page's origin may use devices at all. */
  readonly secure: boolean;
}

export interface Measurement {
  readonly state: string;
  readonly codecIn: string | null;
  readonly codecOut: string | null;
  /** Of the received picture, or of the sent one where none is received. */
  readonly width: number | null;
  readonly height: number | null;
  readonly fps: number | null;
  /** bit/s since the measurement before. */
  readonly bitrateIn: number | null;
  readonly bitrateOut: number | null;
  /** 0 to 1, the worse of both directions. */
  readonly loss: number | null;
  /** Milliseconds. */
  readonly rtt: number | null;
  readonly jitter: number | null;
  readonly relay: boolean;
}

export interface ConnectionStats extends Measurement {
  /** 'self': what one sends to the server, for everybody. */
  readonly memberId: string;
  readonly name: string;
  readonly stream: 'user' | 'screen';
  readonly via: Mode;
}

/** What one sends; null where one sends nothing of the kind. */
export interface Tracks { readonly audio: MediaStreamTrack | null; readonly video: MediaStreamTrack | null }

/** A member as the server tells of it. */
export interface RosterEntry {
  memberId: string; username: string; role: Role;
  audio: boolean | null; video: boolean | null; screen: boolean; hand: boolean; away: boolean; speaking?: boolean;
}

export interface Joined {
  memberId: string; room: string;
  /** One's own, where it is not as it was sent. */
  username?: string;
  mode: Mode; role: Role; members: RosterEntry[];
  iceServers: RTCIceServer[]; resumeToken: string; resumed: boolean; seen?: number; maxMembers: number;
  connectors?: { connectorId: string; memberId: string }[];
  audience?: number; stage?: number; locked?: boolean; maxFileBytes?: number;
}

/** Whose a media stream of a downlink is. */
export interface StreamOwner { streamId: string; memberId: string; streamType: 'user' | 'display' }

/** A message of the data channel, or of `reconnect` and `reconnectWork`. */
export interface PeerMessage {
  type: string; data?: any;
  /** Who says it, where the server is the other end. */
  memberId?: string;
}

export interface FileHeader { name: string; type: string; size: number | null; pieces: number }

/** What a connector tells its owner. */
export interface ConnectorHooks {
  /** Sends to the server. */
  signal(event: string, data: any): void;
  /** Whether the server can be reached now. */
  online(): boolean;
  /** A message that is no part of a renegotiation came over the channel. */
  message(message: PeerMessage): void;
  /** Tracks, state or channel changed. */
  changed(): void;
}
