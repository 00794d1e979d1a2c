package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"

	"k8s.io/apimachinery/pkg/util/httpstream"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

// remoteCommand joins its own stdin, stdout and stderr to a session at a URL, by the executor that is asked for, and ends
// with the command's exit code; 125 says that the session failed.
func remoteCommand() int {
	kubeconfig := flag.String("kubeconfig", "", "whose credentials to use")
	transport := flag.String("executor", "fallback", "spdy, websocket, or fallback as in kubectl")
	address := flag.String("url", "", "the session's whole URL, its query included")
	stdin := flag.Bool("stdin", false, "pass stdin on")
	flag.Parse()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	if err == nil {
		err = stream(config, *transport, *address, *stdin)
	}
	var ended exec.CodeExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &ended):
		return ended.Code
	default:
		fmt.Fprintln(os.Stderr, err)
		return 125
	}
}

func stream(config *rest.Config, transport, address string, stdin bool) error {
	executor, err := executorOf(config, transport, address)
	if err != nil {
		return err
	}
	options := remotecommand.StreamOptions{Stdout: os.Stdout, Stderr: os.Stderr}
	if stdin {
		options.Stdin = os.Stdin
	}
	return executor.StreamWithContext(context.Background(), options)
}

func executorOf(config *rest.Config, transport, address string) (remotecommand.Executor, error) {
	location, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	spdy, err := remotecommand.NewSPDYExecutor(config, "POST", location)
	if err != nil {
		return nil, err
	}
	webSocket, err := remotecommand.NewWebSocketExecutor(config, "GET", address)
	if err != nil {
		return nil, err
	}
	switch transport {
	case "spdy":
		return spdy, nil
	case "websocket":
		return webSocket, nil
	case "fallback":
		return remotecommand.NewFallbackExecutor(webSocket, spdy, httpstream.IsUpgradeFailure)
	default:
		return nil, fmt.Errorf("there is no executor %q: spdy, websocket, fallback", transport)
	}
}
