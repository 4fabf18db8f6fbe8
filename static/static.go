// Package static is the page: HTML, styles and ES modules.
package static

import (
	"bytes"
	"embed"
	"io/fs"
	"path"
	"regexp"
)

// Tests, and types that only tsc reads, stay out.
//
//go:embed index.html icon.svg icons.svg css/*.css js/*.js js/core/*.js js/lang/*.js js/ui/*.js
var sources embed.FS

// Files holds index.html and what it loads, as browsers get it: comments and
// indentation stay here, which is a quarter of the bytes. Lines of scripts keep
// their numbers, so that a browser's error names the line of the source. It may
// be used concurrently.
var Files fs.FS = lean{}

// lean strips what sources opens.
type lean struct{}

// Open implements fs.FS.
func (lean) Open(name string) (fs.File, error) {
	f, err := sources.Open(name)
	if err != nil {
		return nil, err
	}
	if dir, ok := f.(fs.ReadDirFile); ok {
		return folder{dir, name}, nil
	}
	strip := strippers[path.Ext(name)]
	if strip == nil {
		return f, nil
	}
	defer f.Close()
	data, err := sources.ReadFile(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	data = strip(data)
	return &file{Reader: bytes.NewReader(data), info: size{info, int64(len(data))}}, nil
}

var strippers = map[string]func([]byte) []byte{".js": stripJS, ".css": stripCSS, ".html": stripMarkup, ".svg": stripMarkup}

// These know neither language. A test holds what makes them right all the
// same: no string goes over a line's end, none contains the start of a comment,
// and none in styles a brace or a semicolon.
var (
	jsDoc       = regexp.MustCompile(`(?s)/\*\*.*?\*/ ?`)
	lineComment = regexp.MustCompile(`(?m)(^|[ \t])[ \t]*// .*$`)
	indentation = regexp.MustCompile(`(?m)^[ \t]+|[ \t]+$`)

	cssComment = regexp.MustCompile(`(?s)/\*.*?\*/`)
	cssSpace   = regexp.MustCompile(`\s*([{};])\s*`)
	cssColon   = regexp.MustCompile(`([{;][\w-]+): `)
)

func stripJS(src []byte) []byte {
	src = jsDoc.ReplaceAllFunc(src, newlines)
	src = lineComment.ReplaceAll(src, nil)
	return indentation.ReplaceAll(src, nil)
}

func stripMarkup(src []byte) []byte { return indentation.ReplaceAll(src, nil) }

func stripCSS(src []byte) []byte {
	src = cssSpace.ReplaceAll(cssComment.ReplaceAll(src, nil), []byte("$1"))
	src = cssColon.ReplaceAll(src, []byte("$1:"))
	return bytes.TrimSpace(bytes.ReplaceAll(src, []byte(";}"), []byte("}")))
}

// newlines is what is left of a comment.
func newlines(comment []byte) []byte {
	return bytes.Repeat([]byte("\n"), bytes.Count(comment, []byte("\n")))
}

// folder lists the sizes of what Open gives.
type folder struct {
	fs.ReadDirFile
	name string
}

func (d folder) ReadDir(n int) ([]fs.DirEntry, error) {
	list, err := d.ReadDirFile.ReadDir(n)
	for i, entry := range list {
		info, e := fs.Stat(lean{}, path.Join(d.name, entry.Name()))
		if e != nil {
			return nil, e
		}
		list[i] = fs.FileInfoToDirEntry(info)
	}
	return list, err
}

type file struct {
	*bytes.Reader
	info size
}

func (f *file) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *file) Close() error               { return nil }

type size struct {
	fs.FileInfo
	n int64
}

func (s size) Size() int64 { return s.n }
