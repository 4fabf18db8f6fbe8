package admin

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestGuessesAreThrottled holds that an address which sent wrong tokens is
// refused whatever it sends next, and that others are not.
func TestGuessesAreThrottled(t *testing.T) {
	h := New(Options{Token: "0123456789abcdef"})
	ask := func(from, token string) int {
		r := httptest.NewRequest("GET", "/nothing/here/at/all", nil)
		r.RemoteAddr = from
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i := range guessBurst {
		if code := ask("192.0.2.1:1", "wrong"); code != http.StatusUnauthorized {
			t.Fatalf("guess %d gets %d", i, code)
		}
	}
	for _, token := range []string{"wrong", "0123456789abcdef"} {
		if code := ask("192.0.2.1:2", token); code != http.StatusTooManyRequests {
			t.Errorf("after many guesses %q gets %d, want 429", token, code)
		}
	}
	if code := ask("192.0.2.2:1", "0123456789abcdef"); code != http.StatusNotFound {
		t.Errorf("another address gets %d with the token, want to be let in", code)
	}
}
