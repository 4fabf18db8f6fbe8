package p2p

import (
	"strconv"
	"strings"

	"lectern/signaling/protocol"
)

const (
	sizeLine = "a=max-message-size:" // RFC 8841 section 6
	// Existing clients hold a message back while what is queued plus the
	// peer's limit is above 15 MiB. Firefox advertises 1 GiB, so a client
	// connected to it would never send.
	sizeLimit = 15 << 20
	sizeSane  = "262144" // what Chromium uses; above the 246 KB of a file's piece
)

// sized is the one edit of what is relayed: a message size limit above
// sizeLimit, or none (0), becomes sizeSane.
func sized(d protocol.Description) protocol.Description {
	i := strings.Index(d.SDP, sizeLine)
	if i < 0 {
		return d
	}
	var b strings.Builder
	rest := d.SDP
	for i >= 0 {
		start := i + len(sizeLine)
		end := start
		for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
			end++
		}
		b.WriteString(rest[:start])
		atLineStart := i == 0 || rest[i-1] == '\n'
		if n, err := strconv.ParseUint(rest[start:end], 10, 64); atLineStart && start < end && (err != nil || n == 0 || n > sizeLimit) {
			b.WriteString(sizeSane)
		} else {
			b.WriteString(rest[start:end])
		}
		rest = rest[end:]
		i = strings.Index(rest, sizeLine)
	}
	b.WriteString(rest)
	d.SDP = b.String()
	return d
}

// Firefox reports whether a client's description looks like Firefox's: by its
// name in the o= line, or by a message size limit that needs the edit above.
// Two existing clients with such a limit cannot talk to each other for long:
// they renegotiate over their data channel, where nobody edits it.
func Firefox(d protocol.Description) bool {
	return strings.HasPrefix(d.SDP, "o=mozilla") || strings.Contains(d.SDP, "\no=mozilla") || sized(d).SDP != d.SDP
}
