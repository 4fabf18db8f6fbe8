FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /lectern ./cmd/lectern && mkdir /state

# Nothing but the program: it needs no files and no shell.
FROM scratch
COPY --from=build /lectern /lectern
COPY --from=build --chown=65534:65534 /state /state
USER 65534:65534
ENV LECTERN_STATE_DIR=/state
VOLUME /state
# Pages and signaling, and media.
EXPOSE 3000 7882/udp
ENTRYPOINT ["/lectern"]
