// Command kube is a Kubernetes control plane in one binary, for tests.
//
// It is etcd, kube-apiserver, kube-scheduler, kube-controller-manager or kubectl, depending on the name it was started under
// (a symbolic link) or, failing that, on its first argument. One binary links the code that the five share once.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	kubectl "k8s.io/kubectl/pkg/cmd"
	kubectlutil "k8s.io/kubectl/pkg/cmd/util"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	// Credential plugins for kubectl.
	_ "k8s.io/client-go/plugin/pkg/client/auth"
)

// components maps a program's name to its main function, which reads os.Args and answers with the exit code.
var components = map[string]func() int{
	"etcd":                    runEtcd,
	"kube-apiserver":          func() int { return cli.Run(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() int { return cli.Run(controllermanager.NewControllerManagerCommand()) },
	"kube-scheduler":          func() int { return cli.Run(scheduler.NewSchedulerCommand()) },
	"kubectl":                 runKubectl,
}

func main() {
	os.Exit(run())
}

func run() int {
	if component, known := components[filepath.Base(os.Args[0])]; known {
		return component()
	}
	if len(os.Args) > 1 {
		if component, known := components[os.Args[1]]; known {
			// The component sees its own name and its own arguments, as if started through a link.
			os.Args = os.Args[1:]
			return component()
		}
	}
	names := make([]string, 0, len(components))
	for name := range components {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(os.Stderr, "start this program under one of these names, or give one as its first argument: %s\n",
		strings.Join(names, ", "))
	return 2
}

func runEtcd() int {
	etcdmain.Main(os.Args)
	return 0
}

func runKubectl() int {
	kubectlutil.CheckErr(cli.RunNoErrOutput(kubectl.NewDefaultKubectlCommand()))
	return 0
}
