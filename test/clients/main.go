// Command clients is what others have written to talk to Kubernetes, of a release four minor versions behind the test
// cluster's: kubectl, and a program around client-go's executors of remote commands.
//
// It is one or the other depending on the name it was started under (a symbolic link) or, failing that, on its first
// argument.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
)

func main() {
	name := filepath.Base(os.Args[0])
	if name == "clients" && len(os.Args) > 1 {
		os.Args = os.Args[1:]
		name = os.Args[0]
	}
	switch name {
	case "kubectl":
		kubectlutil.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	case "remotecommand":
		os.Exit(remoteCommand())
	default:
		fmt.Fprintln(os.Stderr, "start this program under the name kubectl or remotecommand, or give one as its first argument")
		os.Exit(2)
	}
}
