// Package static is the page: HTML, styles and ES modules.
package static

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"path"
	"regexp"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/css"
	"github.com/tdewolff/minify/v2/js"
)

// Tests, and types that only tsc reads, stay out.
//
//go:embed index.html icon.svg icons.svg css/*.css js/*.js js/core/*.js js/lang/*.js js/ui/*.js
var sources embed.FS

// Files holds index.html and what it loads, as browsers get it: the sources stay
// readable here, and what is sent is a third smaller. Nothing is bundled or
// built: each module is its own file under its own name, with the names that
// others import. It may be used concurrently.
var Files fs.FS = lean{}

// lean shrinks what sources opens.
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
	shrink := shrinkers[path.Ext(name)]
	if shrink == nil {
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
	if data, err = shrink(data); err != nil {
		return nil, fmt.Errorf("static: shrink %s: %w", name, err)
	}
	return &file{Reader: bytes.NewReader(data), info: size{info, int64(len(data))}}, nil
}

var shrinkers = map[string]func([]byte) ([]byte, error){
	".js": shrinkJS, ".css": shrinkCSS, ".html": shrinkMarkup, ".svg": shrinkMarkup,
}

func shrinkJS(src []byte) ([]byte, error) {
	var out bytes.Buffer
	err := (&js.Minifier{Version: 2022}).Minify(minify.New(), &out, bytes.NewReader(src), nil)
	return out.Bytes(), err
}

func shrinkCSS(src []byte) ([]byte, error) {
	var out bytes.Buffer
	err := (&css.Minifier{}).Minify(minify.New(), &out, bytes.NewReader(src), nil)
	return out.Bytes(), err
}

var indentation = regexp.MustCompile(`(?m)^[ \t]+|[ \t]+$`)

func shrinkMarkup(src []byte) ([]byte, error) { return indentation.ReplaceAll(src, nil), nil }

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
