//go:build race

package sfu_test

const raceDetector = true
