package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// uncontained are the goroutines and timers that need no recovery of their own,
// by the file and the function that starts them, and why.
var uncontained = map[string]string{
	"cmd/lectern/main.go main":                   "stops to catch signals",
	"sfu/server.go startClock":                   "recovers for each connection, or all would stand still",
	"sfu/transport/clock.go startClock":          "recovers for each path, or all would stand still",
	"cmd/lectern/serve.go serve":                 "the server itself",
	"cmd/lectern/serve.go shutdown":              "waits for a transport to close",
	"cmd/lectern/serve.go closeHub":              "waits for rooms to end",
	"cmd/lectern/tls.go runTLS":                  "net/http, which recovers",
	"cmd/lectern/tls.go splitTLS":                "accepts connections and touches nothing of them",
	"sfu/server.go Close":                        "waits for sessions to end",
	"sfu/negotiate.go expect":                    "hands work to the room's loop, which recovers",
	"sfu/connector.go failLater":                 "hands work to the room's loop, which recovers",
	"signaling/room/loop.go perform":             "hands work to the room's loop, which recovers",
	"signaling/wsjson/handler.go Close":          "waits for readers to end",
	"signaling/socketio/engine/handler.go Close": "waits for sessions to end",
}

// TestGoroutinesContainFaults holds that every goroutine and timer of the server
// recovers what a client's input may make it throw: the function that it runs,
// or one that this one calls first of all, defers a recovery. What is exempt is
// in uncontained.
func TestGoroutinesContainFaults(t *testing.T) {
	used := map[string]bool{}
	for _, dir := range goFolders(t, "api", "cmd/lectern", "sfu", "signaling") {
		set := token.NewFileSet()
		var files []*ast.File
		paths, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		bodies := functions{}
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(set, path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, f)
			for _, d := range f.Decls {
				if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
					bodies.add(fn)
				}
			}
		}
		for _, f := range files {
			for _, d := range f.Decls {
				fn, ok := d.(*ast.FuncDecl)
				if !ok || fn.Body == nil {
					continue
				}
				where := filepath.ToSlash(filepath.Join(dir, filepath.Base(set.Position(f.Pos()).Filename))) + " " + fn.Name.Name
				ast.Inspect(fn.Body, func(n ast.Node) bool {
					run := started(n)
					switch {
					case run == nil:
					case uncontained[where] != "":
						used[where] = true
					case !bodies.contained(run, fn, 2):
						t.Errorf("%s: %s starts what recovers nothing", set.Position(n.Pos()), where)
					}
					return true
				})
			}
		}
	}
	for where := range uncontained {
		if !used[where] {
			t.Errorf("%s starts nothing any more", where)
		}
	}
}

const root = "../.."

// goFolders are the folders of the server below some; what is for its tests and
// measurements alone is left out.
func goFolders(t *testing.T, below ...string) (dirs []string) {
	t.Helper()
	for _, top := range below {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			if slices.Contains([]string{"bench", "client", "e2e", "synthetic", "testdata"}, d.Name()) {
				return fs.SkipDir
			}
			rel, err := filepath.Rel(root, path)
			dirs = append(dirs, rel)
			return err
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	return dirs
}

// started is what a go statement or a timer runs: a function literal or the name
// of a function; nil if n is neither.
func started(n ast.Node) ast.Expr {
	switch n := n.(type) {
	case *ast.GoStmt:
		return n.Call.Fun
	case *ast.CallExpr:
		if name(n.Fun) == "AfterFunc" && len(n.Args) > 0 {
			return n.Args[len(n.Args)-1]
		}
	}
	return nil
}

// functions are those of a package, by name and, for methods, by their type too.
type functions map[string][]*ast.FuncDecl

func (f functions) add(fn *ast.FuncDecl) {
	f[fn.Name.Name] = append(f[fn.Name.Name], fn)
	if of := typeOf(fn); of != "" {
		f[of+"."+fn.Name.Name] = []*ast.FuncDecl{fn}
	}
}

// called are the functions that a call in another one may mean: the method of
// the same receiver, or all of that name.
func (f functions) called(e ast.Expr, in *ast.FuncDecl) []*ast.FuncDecl {
	if s, ok := e.(*ast.SelectorExpr); ok && in.Recv != nil && len(in.Recv.List[0].Names) > 0 && name(s.X) == in.Recv.List[0].Names[0].Name {
		if list := f[typeOf(in)+"."+s.Sel.Name]; list != nil {
			return list
		}
	}
	return f[name(e)]
}

// typeOf is the type of a method's receiver, "" of a function.
func typeOf(fn *ast.FuncDecl) string {
	if fn.Recv == nil {
		return ""
	}
	e := fn.Recv.List[0].Type
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	return name(e)
}

// contained reports whether what is run in a function recovers, itself or in all
// that it calls, so many calls deep.
func (f functions) contained(run ast.Expr, in *ast.FuncDecl, deep int) bool {
	if lit, ok := run.(*ast.FuncLit); ok {
		return f.recovers(lit.Body, in, deep)
	}
	list := f.called(run, in)
	return len(list) > 0 && !slices.ContainsFunc(list, func(fn *ast.FuncDecl) bool { return !f.recovers(fn.Body, fn, deep) })
}

func (f functions) recovers(b *ast.BlockStmt, in *ast.FuncDecl, deep int) bool {
	calls, all := 0, true
	for _, s := range b.List {
		switch s := s.(type) {
		case *ast.DeferStmt:
			itself := func(fn *ast.FuncDecl) bool { return mentions(fn.Body, "recover") }
			if name(s.Call.Fun) == "Contain" || mentions(s.Call, "recover") || slices.ContainsFunc(f.called(s.Call.Fun, in), itself) {
				return true
			}
		case *ast.ExprStmt:
			if call, ok := s.X.(*ast.CallExpr); ok {
				calls++
				all = all && deep > 0 && f.contained(call.Fun, in, deep-1)
			}
		case *ast.ForStmt, *ast.IfStmt, *ast.RangeStmt, *ast.SelectStmt, *ast.SwitchStmt:
			all = all && !mentions(s, "")
		}
	}
	return calls > 0 && all
}

// mentions reports whether there is a call of that name in n; of any if it is "".
func mentions(n ast.Node, called string) (found bool) {
	ast.Inspect(n, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			found = found || called == "" || name(call.Fun) == called
		}
		return !found
	})
	return found
}

// name is that of a function or method.
func name(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
