package sfu

import (
	"encoding/json"
	"strings"
	"testing"

	"lectern/sfu/description"
)

// FuzzFiles takes lines as messages of files that come over one connector: H
// announces a file, C cancels it, anything else is a piece.
func FuzzFiles(f *testing.F) {
	f.Add(int64(1<<20), "H{\"id\":\"a\",\"fileInfo\":{\"FQ\":2}}\nP{\"id\":\"a\"}\nC{\"id\":\"a\"}\nP{\"id\":\"a\"}")
	f.Add(int64(1<<20), `H{"id":"a","fileInfo":{"FQ":1000000000000000000}}`)
	f.Add(int64(1<<20), `H{"id":"a","fileInfo":{"FQ":50039997096450}}`) // times a piece it is more than 63 bits
	f.Add(int64(0), "H{\"id\":\"a\",\"fileInfo\":{\"FQ\":-1}}\nH{\"id\":\"\"}\nHnull\nP[]")
	f.Fuzz(func(t *testing.T, limit int64, lines string) {
		limit &= 1<<40 - 1
		sent := files{}
		for line := range strings.Lines(lines) {
			data := json.RawMessage(line[1:])
			switch line[0] {
			case 'H':
				file, refused := sent.header(data, limit)
				if file != nil && refused != "" {
					t.Fatalf("a file is taken and refused: %s", refused)
				}
				if file != nil && limit > 0 && file.pieces > limit/maxPiece+1 {
					t.Fatalf("%d pieces pass a limit of %d bytes", file.pieces, limit)
				}
			case 'C':
				sent.cancel(data)
			default:
				sent.piece(data)
			}
			if len(sent) > maxFiles {
				t.Fatalf("%d files are on their way at once", len(sent))
			}
			for id, file := range sent {
				if file.id != id || file.pieces <= 0 {
					t.Fatalf("the file %q stands as %q with %d pieces to come", file.id, id, file.pieces)
				}
			}
		}
	})
}

// FuzzExtensions takes the extensions that a client's description has, and looks
// at what is answered and read by them.
func FuzzExtensions(f *testing.F) {
	section := func(lines string) string {
		return "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=sendrecv\r\na=rtpmap:96 VP8/90000\r\na=rtcp-mux\r\n" + lines
	}
	f.Add(section("a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:0 urn:3gpp:video-orientation\r\n"))
	f.Add(section("a=extmap:255/sendonly urn:3gpp:video-orientation x\r\na=extmap:256 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:-1 urn:x\r\na=extmap:1\r\n"))
	f.Add(section("a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=extmap:1 urn:3gpp:video-orientation\r\n"))
	f.Fuzz(func(t *testing.T, sdp string) {
		d, err := description.Parse(sdp)
		if err != nil {
			return
		}
		_ = extensionIDs(d.Sections)
		for _, s := range d.Sections {
			kind, ok := s.Kind.CodecKind()
			if !ok {
				continue
			}
			theirs := len(s.Extensions)
			common := commonExtensions(s.Extensions, kind)
			if len(common) > theirs || len(s.Extensions) != theirs {
				t.Fatalf("%d extensions of %d are common", len(common), theirs)
			}
			for _, e := range common {
				if e.ID == 0 {
					t.Fatalf("the extension %s is answered with the id 0", e.URI)
				}
			}
		}
	})
}
