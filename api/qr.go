package api

import (
	"bytes"
	"fmt"
	"net/http"

	"rsc.io/qr"
)

const (
	// maxQRText bounds the text of a code, in bytes. Links to rooms are far
	// shorter; larger codes are hard to scan.
	maxQRText = 512
	// quietZone is the blank border a code needs, in modules (ISO/IEC 18004).
	quietZone = 4
)

// qr draws ?text= as a QR code, so that a phone can follow a link on a screen.
func (s *service) qr(w http.ResponseWriter, r *http.Request) {
	text := r.URL.Query().Get("text")
	if text == "" || len(text) > maxQRText {
		writeJSON(w, http.StatusBadRequest, refusal{Message: fmt.Sprintf("text must be 1 to %d bytes", maxQRText)})
		return
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		writeJSON(w, http.StatusBadRequest, refusal{Message: "text cannot be drawn as a QR code"})
		return
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Cache-Control", "private, max-age=3600")
	_, _ = w.Write(drawSVG(code))
}

// drawSVG draws each run of black modules of a row as one piece of one path.
func drawSVG(code *qr.Code) []byte {
	var b bytes.Buffer
	side := code.Size + 2*quietZone
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges">`, side, side)
	fmt.Fprintf(&b, `<path fill="#fff" d="M0 0h%dv%dH0z"/><path d="`, side, side)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quietZone, y+quietZone, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return b.Bytes()
}
