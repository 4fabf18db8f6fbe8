package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/gorilla/websocket"
)

const adminToken = "the-token-of-these-tests"

// operator calls the administrator's interface of a program.
type operator struct {
	t *testing.T
	p *program
}

// do gives the status and the answer.
func (o operator) do(method, path, body string) (int, map[string]any) {
	o.t.Helper()
	req, err := http.NewRequestWithContext(o.t.Context(), method, o.p.url+path, strings.NewReader(body))
	if err != nil {
		o.t.Fatal(err)
	}
	req.Close = true
	req.Header.Set("Authorization", "Bearer "+adminToken)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		o.t.Fatal(err)
	}
	var v map[string]any
	if len(b) > 0 {
		if err := json.Unmarshal(b, &v); err != nil {
			o.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
	return res.StatusCode, v
}

// want does it and checks the status and parts of the answer as JSON.
func (o operator) want(status int, method, path, body string, parts ...string) map[string]any {
	o.t.Helper()
	got, v := o.do(method, path, body)
	b, _ := json.Marshal(v)
	if got != status {
		o.t.Fatalf("%s %s: got %d %s, want %d", method, path, got, b, status)
	}
	for _, p := range parts {
		if !strings.Contains(string(b), p) {
			o.t.Errorf("%s %s: got %s, want %s in it", method, path, b, p)
		}
	}
	return v
}

// person is a capable client on a socket of its own.
type person struct {
	t  *testing.T
	ws *websocket.Conn
	id string // its member's
}

// join gives the person and its role.
func join(t *testing.T, p *program, room, name, more string) (*person, string) {
	t.Helper()
	c, joined := enter(t, p, room, name, more)
	role, _ := joined["role"].(string)
	return c, role
}

// enter gives the person and what it was told of the room.
func enter(t *testing.T, p *program, room, name, more string) (c *person, joined map[string]any) {
	t.Helper()
	c = &person{t: t, ws: dial(t, p)}
	msg := fmt.Sprintf(`{"event":"join","data":{"id":"0123456789abcdef-%s","username":%q,"roomname":%q,"capabilities":["roster"]%s}}`, name, name, room, more)
	if err := c.ws.WriteMessage(websocket.TextMessage, []byte(msg)); err != nil {
		t.Fatal(err)
	}
	joined = c.await("joined")
	c.id, _ = joined["memberId"].(string)
	return c, joined
}

// await reads until an event comes and gives its data.
func (c *person) await(event string) map[string]any {
	c.t.Helper()
	for {
		var m struct {
			Event string
			Data  map[string]any
		}
		if err := c.ws.ReadJSON(&m); err != nil {
			c.t.Fatalf("waiting for %s: %v", event, err)
		}
		if m.Event == event {
			return m.Data
		}
	}
}

// ends reads until the server closes the socket for good.
func (c *person) ends(why string) {
	c.t.Helper()
	for {
		_, _, err := c.ws.ReadMessage()
		if err == nil {
			continue
		}
		var closed *websocket.CloseError
		if !errors.As(err, &closed) || closed.Code != 4001 || closed.Text != why {
			c.t.Errorf("got %v, want close code 4001 and %q", err, why)
		}
		return
	}
}

func TestRoomsAreRunOverHTTP(t *testing.T) {
	p := startWith(t, append(anyRTCPort, "LECTERN_ADMIN_TOKEN="+adminToken), "--mode", "sfu", "--log-level", "debug")
	o := operator{t, p}
	const room = "/api/rooms/lesson%201%2F2"
	o.want(200, "GET", "/api/rooms", "", `{"rooms":[]}`)
	o.want(404, "GET", room, "", `"gone"`)
	o.want(201, "POST", "/api/rooms", `{"name":"lesson 1/2","stage":1,"maxMembers":3}`, `"name":"lesson 1/2"`, `"mode":"sfu"`)
	o.want(409, "POST", "/api/rooms", `{"name":"lesson 1/2"}`, `"repeat"`)
	o.want(200, "GET", "/api/rooms", "", `"count":0`, `"policy":{"hostToken":false,"maxMembers":3,"mode":"sfu","stage":1,"stageToken":false}`)

	ann, role := join(t, p, "lesson 1/2", "ann", "")
	if role != "host" {
		t.Errorf("the first is %s", role)
	}
	bob, role := join(t, p, "lesson 1/2", "bob", "")
	if role != "audience" {
		t.Errorf("the second of a stage for one is %s", role)
	}
	o.want(200, "GET", room, "", `"count":2`, `"audience":1`, `"memberId":"`+ann.id+`"`, `"memberId":"`+bob.id+`"`)
	o.want(409, "PATCH", room+"/members/"+bob.id, `{"role":"presenter"}`, `"stage-full"`)
	o.want(409, "PATCH", room, `{"mode":"p2p"}`, `"mode"`)
	o.want(404, "DELETE", room+"/members/nobody", "", `"not-in-room"`)

	o.want(204, "DELETE", room+"/members/"+url.PathEscape(ann.id), "")
	ann.ends("removed by the host")
	if got := bob.await("role")["role"]; got != "host" {
		t.Errorf("the one who is left is %v", got)
	}
	members := o.want(200, "GET", room+"/members", "", `"role":"host"`)["members"]
	if list, _ := members.([]any); len(list) != 1 {
		t.Errorf("the members are %v", members)
	}

	o.want(204, "DELETE", room, "")
	bob.ends("the room was closed")
	o.want(404, "GET", room, "", `"gone"`)
	if strings.Contains(p.stderr.String(), adminToken) {
		t.Error("the token is in the log")
	}
}

func TestTheOperatorPutsMembersOnStage(t *testing.T) {
	p := startWith(t, append(anyRTCPort, "LECTERN_ADMIN_TOKEN="+adminToken), "--mode", "sfu")
	o := operator{t, p}
	o.want(201, "POST", "/api/rooms", `{"name":"hall","hostToken":true}`)
	ann, role := join(t, p, "hall", "ann", `,"role":"audience"`)
	if role != "audience" {
		t.Errorf("who wants to listen is %s", role)
	}
	if _, role := join(t, p, "hall", "bob", `,"role":"host"`); role != "presenter" {
		t.Errorf("who wants to be host without a token is %s", role)
	}
	o.want(200, "PATCH", "/api/rooms/hall/members/"+ann.id, `{"role":"presenter"}`, `"role":"presenter"`, `"username":"ann"`)
	if got := ann.await("role")["role"]; got != "presenter" {
		t.Errorf("ann is told she is %v", got)
	}

	made := o.want(201, "POST", "/api/rooms/hall/tokens", `{"role":"host","ttlSeconds":60}`, `"/r/hall?token=`)
	token, _ := made["token"].(string)
	if _, role := join(t, p, "hall", "cy", `,"role":"host","token":"`+token+`"`); role != "host" {
		t.Errorf("who has a token is %s", role)
	}
}

func TestAServerWithoutMediaHasNoRoomsOfOtherModes(t *testing.T) {
	p := startWith(t, []string{"LECTERN_ADMIN_TOKEN=" + adminToken}, "--mode", "p2p")
	o := operator{t, p}
	for _, mode := range []string{"auto", "sfu"} {
		o.want(409, "POST", "/api/rooms", `{"name":"r","mode":"`+mode+`"}`, `"mode"`)
	}
	o.want(201, "POST", "/api/rooms", `{"name":"r"}`, `"mode":"p2p"`)
	o.want(409, "PATCH", "/api/rooms/r", `{"mode":"sfu"}`, `"mode"`)
}
