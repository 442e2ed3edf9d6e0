// The real Kubernetes API server, and nothing else of it, from its published modules (Apache 2.0). 1.31 is the first line
// without the cloud providers in it, which made it a third bigger.
//
//	kube-apiserver --etcd-servers http://127.0.0.1:2379 ...    as kube-apiserver takes it
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	os.Exit(cli.Run(app.NewAPIServerCommand()))
}
