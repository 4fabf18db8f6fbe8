// Command lectern serves media rooms.
package main

import "fmt"

// version is set by the linker (make build).
var version = "devel"

func main() { fmt.Println("lectern", version) }
