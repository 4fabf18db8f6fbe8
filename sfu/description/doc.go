// Package description reads and writes session descriptions (SDP, RFC 8866 as
// JSEP, RFC 9429, uses it): what a client says of its connection and its media,
// and what the SFU answers. It is not a general SDP library. It knows one
// bundled transport, audio and video over SRTP, and one data channel section.
//
// Parse takes what Chromium, Firefox, Safari and pion write, keeps what the SFU
// acts on and brings it into one form: RTX stands with the format it repairs,
// wildcard feedback with each format, the transport's attributes at the
// description. String writes that form. For a description d that Parse made,
// Parse(d.String()) is d again, but for what an application section announces,
// which String always says for this server.
//
// A description comes from a client, so Parse bounds everything. Too many
// lines, sections or bytes are an error; of candidates, formats, header
// extensions, sources and RIDs the first ones count and the rest is dropped,
// since the client can be served without. Reading takes time linear in the
// length.
//
// Nothing here is shared or changes by itself: a Description belongs to who
// made it, and the functions may be called concurrently.
package description
