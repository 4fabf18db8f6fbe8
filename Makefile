# make test is what CI runs. Every part is skipped while its folder does not
# exist, and installs what it needs, so that it works on a fresh machine.

SHELL       := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

GO          ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME    ?= 30s
E2E         := cmd/lectern/e2e
NODE_BIN    := $(E2E)/node_modules/.bin
BINARIES    := LECTERN_BIN=$(CURDIR)/bin/lectern SYNTHETIC_BIN=$(CURDIR)/bin/synthetic
VERSION     ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: help run build synthetic test lint test-go test-page test-e2e test-e2e-heavy measure measure-promotion lecture bench-load bench bench-signaling profile netem fuzz fuzz-short cover suites node-modules
.NOTPARALLEL:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' Makefile

run: ## Run the server (make run ARGS="--tls self")
	$(GO) run ./cmd/lectern $(ARGS)

build: ## Build bin/lectern
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/lectern ./cmd/lectern

test: lint test-go test-page fuzz-short test-e2e ## Everything CI checks

lint: ## gofmt, go vet, staticcheck, types of the page
	@bad=$$(find . -name node_modules -prune -o -name '*.go' -exec gofmt -l {} +); \
	if [ -n "$$bad" ]; then echo "gofmt these files:"; echo "$$bad"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@for c in static/tsconfig.json static/jsconfig.json; do \
	  if [ -f $$c ]; then \
	    $(MAKE) --no-print-directory node-modules; \
	    echo "tsc -p $$c"; $(NODE_BIN)/tsc --noEmit -p $$c; exit 0; \
	  fi; \
	done

test-go: ## Go tests with the race detector
	@.ci/install gcc
	$(GO) test -race -timeout 20m ./...
	$(GO) test -run Alloc ./sfu/... # the race detector allocates

# The test runner's command line is spelt out file by file: what a bare folder
# means to it changed between Node 20 and 22.
test-page: ## Tests of the page's modules in Node
	@files=$$(find static/test -name '*.test.*js' 2>/dev/null | sort || true); \
	if [ -n "$$files" ]; then node --test $$files; fi

# A limit is there so that a hang ends: a busy machine takes several times as long.
test-e2e: ## Browsers in all modes, and the official Socket.IO client, against the real server
	@files=$$(find $(E2E) -name node_modules -prune -o -name '*.test.*js' -print 2>/dev/null || true); \
	if [ -n "$$files" ]; then \
	  .ci/install browser firefox; \
	  $(MAKE) --no-print-directory node-modules build synthetic; \
	  cd $(E2E); for phase in test test:sfu test:grow; do $(BINARIES) timeout --foreground 2400 npm run $$phase; done; \
	fi

# What make test plays in one mode only is played here in the other one.
test-e2e-heavy: ## Rooms that grow, with what waits long or needs more than two cores, and the page in its other mode
	@.ci/install browser firefox; $(MAKE) --no-print-directory node-modules build synthetic; \
	cd $(E2E) && $(BINARIES) LECTERN_HEAVY=1 timeout --foreground 3600 npm run test:grow && $(BINARIES) timeout --foreground 2400 npm run test:rest

synthetic: # members without a browser, for the tests with browsers
	@$(GO) build -o bin/synthetic ./cmd/lectern/synthetic

measure: ## First pictures, connectors and memory of small calls (MODE=sfu)
	@.ci/install browser; $(MAKE) --no-print-directory node-modules build; \
	cd $(E2E) && LECTERN_BIN=$(CURDIR)/bin/lectern LECTERN_MODE=$(or $(MODE),sfu) node measure.js

lecture: ## A lecture with LISTENERS (300), and what each costs
	LECTERN_LECTURE=$(or $(LISTENERS),300) $(GO) test -count=1 -run '^(TestLecture|TestPromote)$$' -v ./cmd/lectern

measure-promotion: ## Gaps, tiles and chat of 20 rooms that change to SFU mode (ROUNDS=20)
	@.ci/install browser; $(MAKE) --no-print-directory node-modules build; \
	cd $(E2E) && LECTERN_BIN=$(CURDIR)/bin/lectern node promote-measure.js $(or $(ROUNDS),20)

# Each plan has a fresh server, a process of its own.
bench-load: build ## lectern bench: 100 viewers of one, a meeting of 8 (make bench-load ARGS="--duration 30s")
	@for scenario in fanout meeting; do \
	  rm -f bin/bench-load.txt; \
	  bin/lectern --listen 127.0.0.1:0 --mode sfu --rtc-port 0 --rtc-ip 127.0.0.1 --log-level warn >bin/bench-load.txt & server=$$!; \
	  trap "kill $$server 2>/dev/null || true" EXIT; \
	  until url=$$(grep -os 'http://127[^ ]*' bin/bench-load.txt); do kill -0 $$server; sleep 0.1; done; \
	  bin/lectern bench --url $$url --pid $$server --scenario $$scenario $(ARGS); echo; \
	  kill $$server; wait $$server || true; \
	done

bench: ## Go benchmarks of media and signaling, COUNT (6) times, for benchstat: bin/bench.txt
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '^Benchmark(Fanout|Forward|Rewrite|EngineIO)$$' -count $(or $(COUNT),6) \
	  ./sfu ./sfu/track ./sfu/rewrite ./signaling/room ./signaling/socketio/engine | tee bin/bench.txt

bench-signaling: ## What relaying costs, beside the same relay on socket.io (ROUNDS=3)
	@$(MAKE) --no-print-directory node-modules build; \
	cd $(E2E) && LECTERN_BIN=$(CURDIR)/bin/lectern node signaling-bench.js $(or $(ROUNDS),3)

# One process has the publisher, the server and the viewers: what they cost is in
# it, and so is how they connect.
profile: ## CPU profile of BenchmarkFanout/100: bin/cpu.pprof
	@mkdir -p bin
	$(GO) test -run '^$$' -bench '^BenchmarkFanout$$/^100$$' -benchtime 8s -cpuprofile bin/cpu.pprof -o bin/sfu.test ./sfu
	$(GO) tool pprof -top -nodecount 40 bin/sfu.test bin/cpu.pprof

netem: build ## Media over a link that loses 3 % and takes 50 ms, both ways (Linux, root)
	LECTERN_NETEM=$(CURDIR)/bin/lectern $(GO) test -count 1 -run '^TestNetem$$' -v ./cmd/lectern

# npm ci only when the lock file changed since the last one.
node-modules:
	@lock=$(E2E)/package-lock.json; done=$(E2E)/node_modules/.package-lock.json; \
	if [ -f $$lock ] && { [ ! -f $$done ] || [ $$lock -nt $$done ]; }; then \
	  .ci/install node; \
	  (cd $(E2E) && npm ci --no-audit --no-fund); touch $$done; \
	fi

fuzz: ## Fuzz every target for FUZZTIME (30s), two at a time; TARGET=FuzzParse for some
	@.ci/fuzz $(FUZZTIME) $(TARGET)

fuzz-short: ## Fuzz every target for 10 s
	@.ci/fuzz 10s

cover: ## Coverage by function, and coverage.html
	$(GO) test -coverprofile coverage.out -coverpkg ./... ./...
	$(GO) tool cover -html coverage.out -o coverage.html
	$(GO) tool cover -func coverage.out | tail -1

# SUITES is docs/ of a copy of socketio/socket.io. Four tests, those that need
# binary, fail on purpose; the two suites are run for their counts.
suites: ## The official Engine.IO and Socket.IO suites (make suites SUITES=.../docs)
	@test -d "$(SUITES)/engine.io-protocol/v4-test-suite" || { echo "SUITES must be docs/ of a copy of socketio/socket.io"; exit 2; }
	@$(GO) test -c -o bin/suites.test ./signaling/socketio; \
	LECTERN_SUITES=localhost:3000 bin/suites.test -test.run ServeSuites -test.timeout 0 >/dev/null & \
	trap "kill -INT $$!" EXIT; \
	for suite in engine.io-protocol/v4-test-suite socket.io-protocol/v5-test-suite; do \
	  (cd "$(SUITES)/$$suite" && npm ci --no-audit --no-fund --silent && npm test --silent) || true; \
	done
