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
	var b strings.Builder
	kept := 0 // of d.SDP, in b
	for at := 0; at < len(d.SDP); {
		i := strings.Index(d.SDP[at:], sizeLine)
		if i < 0 {
			break
		}
		at += i + len(sizeLine)
		if before := at - len(sizeLine) - 1; before >= 0 && d.SDP[before] != '\n' {
			continue // in the middle of a line
		}
		end := at
		for end < len(d.SDP) && d.SDP[end] >= '0' && d.SDP[end] <= '9' {
			end++
		}
		if n, err := strconv.ParseUint(d.SDP[at:end], 10, 64); end > at && (err != nil || n == 0 || n > sizeLimit) {
			b.WriteString(d.SDP[kept:at] + sizeSane)
			kept = end
		}
		at = end
	}
	if kept > 0 {
		b.WriteString(d.SDP[kept:])
		d.SDP = b.String()
	}
	return d
}

// Firefox reports whether a client's description looks like Firefox's: by its
// name in the o= line, or by a message size limit that needs the edit above.
// Two existing clients with such a limit cannot talk to each other for long:
// they renegotiate over their data channel, where nobody edits it.
func Firefox(d protocol.Description) bool {
	return strings.HasPrefix(d.SDP, "o=mozilla") || strings.Contains(d.SDP, "\no=mozilla") || sized(d).SDP != d.SDP
}
