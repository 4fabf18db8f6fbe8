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
	if !strings.Contains(d.SDP, sizeLine) {
		return d
	}
	var b strings.Builder
	for line := range strings.Lines(d.SDP) {
		if number, is := strings.CutPrefix(line, sizeLine); is {
			rest := strings.TrimLeft(number, "0123456789")
			digits := number[:len(number)-len(rest)]
			if n, err := strconv.ParseUint(digits, 10, 64); digits != "" && (err != nil || n == 0 || n > sizeLimit) {
				line = sizeLine + sizeSane + rest
			}
		}
		b.WriteString(line)
	}
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
