// Package static is the page: HTML, styles and ES modules, served as they are.
package static

import "embed"

// Files holds index.html and what it loads. Tests, and types that only tsc
// reads, stay out.
//
//go:embed index.html icon.svg icons.svg css/*.css js/*.js js/core/*.js js/lang/*.js js/ui/*.js
var Files embed.FS
