package api

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// asset is one static file, held in memory as it is sent. Set at construction.
type asset struct {
	contentType string
	document    bool // what a browser may show by itself
	plain       body
	packed      body // gzip; data is nil where that is not smaller
}

type body struct {
	data []byte
	etag string // strong, so one for each encoding (RFC 9110 section 8.8.3)
}

// loadAssets reads and compresses every file a browser may ask for. A nil
// file system has none.
func loadAssets(files fs.FS) (map[string]*asset, error) {
	assets := make(map[string]*asset)
	if files == nil {
		return assets, nil
	}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !d.Type().IsRegular() {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		assets[name] = newAsset(name, data)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("api: read static files: %w", err)
	}
	return assets, nil
}

func newAsset(name string, data []byte) *asset {
	sum := sha256.Sum256(data)
	tag := hex.EncodeToString(sum[:12])
	a := &asset{contentType: contentType(name), plain: body{data, `"` + tag + `"`}}
	a.document = !strings.HasPrefix(a.contentType, "text/javascript") && !strings.HasPrefix(a.contentType, "text/css")
	var b bytes.Buffer
	// Neither can fail: the level is valid, and a buffer takes everything.
	z, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	_, _ = z.Write(data)
	_ = z.Close()
	if b.Len() < len(data) {
		a.packed = body{b.Bytes(), `"` + tag + `-gz"`}
	}
	return a
}

// contentType does not ask the machine's own table, which on some has .js as
// text/plain, and browsers refuse modules of that type.
func contentType(name string) string {
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js", ".mjs":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json", ".map":
		return "application/json; charset=utf-8"
	case ".webmanifest":
		return "application/manifest+json; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".ico":
		return "image/vnd.microsoft.icon"
	case ".txt", ".md":
		return "text/plain; charset=utf-8"
	case ".woff2":
		return "font/woff2"
	case ".mp3":
		return "audio/mpeg"
	case ".ogg":
		return "audio/ogg"
	case ".wasm":
		return "application/wasm"
	default:
		if t := mime.TypeByExtension(ext); t != "" {
			return t
		}
		return "application/octet-stream"
	}
}

// ServeHTTP answers GET and HEAD.
func (a *asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	if !a.document {
		// Browsers apply them to documents alone, and a visit loads fifty
		// files: it would be a third of what they weigh.
		h.Del("Content-Security-Policy")
		h.Del("Permissions-Policy")
	}
	b := a.plain
	if a.packed.data != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			b = a.packed
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("ETag", b.etag)
	// Names carry no version, so each use is checked: after an update no page
	// runs half old, half new. The answer is nearly always an empty 304.
	h.Set("Cache-Control", "no-cache")
	if matches(r.Header.Get("If-None-Match"), b.etag) {
		h.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(b.data)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(b.data)
	}
}

// matches applies If-None-Match, whose comparison is the weak one (RFC 9110
// section 13.1.2).
func matches(header, etag string) bool {
	for part := range strings.SplitSeq(header, ",") {
		part = strings.TrimSpace(part)
		if part == "*" || strings.TrimPrefix(part, "W/") == etag {
			return true
		}
	}
	return false
}

// acceptsGzip reads Accept-Encoding (RFC 9110 section 12.5.3).
func acceptsGzip(header string) bool {
	star := false
	for part := range strings.SplitSeq(header, ",") {
		coding, params, _ := strings.Cut(part, ";")
		coding = strings.ToLower(strings.TrimSpace(coding))
		if coding != "gzip" && coding != "x-gzip" && coding != "*" {
			continue
		}
		q := strings.TrimPrefix(strings.ReplaceAll(params, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		wanted := q == "" || err == nil && weight > 0
		if coding != "*" {
			return wanted
		}
		star = wanted
	}
	return star
}
