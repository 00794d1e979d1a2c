// Spdystream is the peer of the spdy crate's interoperability test: Go's implementation, the one that Kubernetes uses.
//
//	spdystream server          listens, prints its address, serves one connection
//	spdystream client ADDRESS  opens streams to a server and checks what comes back; prints a line for each check
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/moby/spdystream"
)

func main() {
	var err error
	switch {
	case len(os.Args) == 2 && os.Args[1] == "server":
		err = serve()
	case len(os.Args) == 3 && os.Args[1] == "client":
		err = call(os.Args[2])
	default:
		err = errors.New("usage: spdystream server | client ADDRESS")
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve does for each stream what its header "kind" says, until the client has gone.
func serve() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	transport, err := listener.Accept()
	if err != nil {
		return err
	}
	connection, err := spdystream.NewConnection(transport, true)
	if err != nil {
		return err
	}
	connection.Serve(func(stream *spdystream.Stream) {
		switch kind := stream.Headers().Get("kind"); kind {
		case "echo":
			_ = stream.SendReply(http.Header{"Answer": {kind, "twice"}}, false)
			go func() {
				_, _ = io.Copy(stream, stream)
				_ = stream.Close()
			}()
		case "reset":
			_ = stream.SendReply(http.Header{}, false)
			_ = stream.Reset()
		default:
			_ = stream.Refuse()
		}
	})
	return nil
}

func call(address string) error {
	transport, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	connection, err := spdystream.NewConnection(transport, false)
	if err != nil {
		return err
	}
	go connection.Serve(spdystream.NoOpStreamHandler)
	for _, check := range []struct {
		name string
		run  func(*spdystream.Connection) error
	}{
		{"echo", echo}, {"many", many}, {"headers", headers}, {"reset", reset}, {"ping", ping},
	} {
		if err := check.run(connection); err != nil {
			return fmt.Errorf("%s: %w", check.name, err)
		}
		fmt.Println(check.name)
	}
	return connection.CloseWait()
}

func open(connection *spdystream.Connection, header http.Header) (*spdystream.Stream, error) {
	stream, err := connection.CreateStream(header, nil, false)
	if err != nil {
		return nil, err
	}
	return stream, stream.WaitTimeout(20 * time.Second)
}

// exchange sends bytes and wants them back, slowly if pause is set.
func exchange(connection *spdystream.Connection, sent []byte, pause time.Duration) error {
	stream, err := open(connection, http.Header{"Kind": {"echo"}})
	if err != nil {
		return err
	}
	go func() {
		_, _ = stream.Write(sent)
		_ = stream.Close()
	}()
	var received bytes.Buffer
	chunk := make([]byte, 100_000)
	for {
		count, err := stream.Read(chunk)
		received.Write(chunk[:count])
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		time.Sleep(pause)
	}
	if !bytes.Equal(received.Bytes(), sent) {
		return fmt.Errorf("%d bytes went, %d others came", len(sent), received.Len())
	}
	return nil
}

func pattern(length int) []byte {
	bytes := make([]byte, length)
	for index := range bytes {
		bytes[index] = byte(index % 251)
	}
	return bytes
}

func echo(connection *spdystream.Connection) error {
	return exchange(connection, pattern(4<<20), time.Millisecond)
}

func many(connection *spdystream.Connection) error {
	var group sync.WaitGroup
	failures := make(chan error, 100)
	for index := range 100 {
		group.Go(func() { failures <- exchange(connection, pattern(1000*index), 0) })
	}
	group.Wait()
	close(failures)
	for err := range failures {
		if err != nil {
			return err
		}
	}
	return nil
}

// headers go through the compressed stream again and again; the peer answers with what it read.
func headers(connection *spdystream.Connection) error {
	for index := range 200 {
		value := fmt.Sprintf("value %d", index)
		stream, err := open(connection, http.Header{"Kind": {"headers"}, "X-Value": {value, "second"}})
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(stream)
		if err != nil {
			return err
		}
		if want := value + ",second"; string(answer) != want {
			return fmt.Errorf("sent %q and got %q", want, answer)
		}
		_ = stream.Close()
	}
	return nil
}

func reset(connection *spdystream.Connection) error {
	stream, err := open(connection, http.Header{"Kind": {"reset"}})
	if err != nil {
		return err
	}
	if _, err := stream.Read(make([]byte, 1)); err != io.EOF && err != spdystream.ErrReset {
		return fmt.Errorf("a reset stream was read with %v", err)
	}
	if _, err := open(connection, http.Header{"Kind": {"unknown"}}); err != spdystream.ErrReset {
		return fmt.Errorf("a refused stream was opened with %v", err)
	}
	return nil
}

func ping(connection *spdystream.Connection) error {
	_, err := connection.Ping()
	return err
}
