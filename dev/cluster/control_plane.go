package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const usage = `control-plane starts and ends a Kubernetes control plane on this machine's loopback interface.

  control-plane up --dir DIR              run one in the foreground, until it is asked to end
  control-plane up --dir DIR --detach     run one in the background; returns when it is ready
  control-plane down --dir DIR            end the one that runs in DIR

DIR holds its data and logs, and once it is ready DIR/kubeconfig (a cluster administrator's).
`

// startDeadline is generous: a cold start takes 3 seconds on a quiet machine, and CI's isn't.
const startDeadline = 3 * time.Minute

func controlPlane(arguments []string) int {
	if len(arguments) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	flags := flag.NewFlagSet("control-plane "+arguments[0], flag.ExitOnError)
	dir := flags.String("dir", "", "where data and logs are kept")
	detach := flags.Bool("detach", false, "run in the background")
	withInput := flags.Bool("end-with-stdin", false, "end when standard input does: with whoever started this")
	_ = flags.Parse(arguments[1:])
	if *dir == "" {
		fmt.Fprint(os.Stderr, usage)
		return 2
	}
	absolute, err := filepath.Abs(*dir)
	if err == nil {
		switch arguments[0] {
		case "up":
			if *detach {
				err = upDetached(absolute)
			} else {
				err = up(absolute, *withInput)
			}
		case "down":
			err = down(absolute)
		default:
			fmt.Fprint(os.Stderr, usage)
			return 2
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "control-plane: %v\n", err)
		return 1
	}
	return 0
}

// up starts everything and waits for the end. If a port was taken by somebody else between its choice
// and its use, others are tried.
func up(dir string, withInput bool) error {
	if running(dir) != 0 {
		return fmt.Errorf("one runs in %s already; end it with: control-plane down --dir %s", dir, dir)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	// Children are told to die with the thread that started them: this one, which lives as long as we do.
	runtime.LockOSThread()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	if withInput {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- syscall.SIGTERM
		}()
	}
	if err := writePid(dir); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(dir, "pid"))
	var err error
	for range 3 {
		var components []*component
		components, err = start(dir, stop)
		if err == nil {
			wait(components, stop)
			end(components)
			_ = os.Remove(filepath.Join(dir, "ready"))
			return nil
		}
		end(components)
		if errors.Is(err, errAsked) {
			return nil
		}
	}
	return err
}

var errAsked = errors.New("asked to end")

type component struct {
	name    string
	command *exec.Cmd
	log     string
	done    chan struct{}
}

func start(dir string, stop <-chan os.Signal) ([]*component, error) {
	ports, err := freePorts(4)
	if err != nil {
		return nil, err
	}
	etcd, peer, secure, metrics := ports[0], ports[1], ports[2], ports[3]
	data := filepath.Join(dir, "etcd")
	certificates := filepath.Join(dir, "certificates")
	for _, old := range []string{data, certificates} {
		if err := os.RemoveAll(old); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(certificates, 0o700); err != nil {
		return nil, err
	}
	token, err := writeCredentials(dir)
	if err != nil {
		return nil, err
	}
	etcdURL := "http://127.0.0.1:" + etcd
	var components []*component
	run := func(name string, arguments ...string) error {
		c, err := launch(dir, name, arguments)
		if err == nil {
			components = append(components, c)
		}
		return err
	}
	if err := run("etcd", "--data-dir", data, "--unsafe-no-fsync", "--log-level", "error",
		"--listen-client-urls", etcdURL, "--advertise-client-urls", etcdURL,
		"--listen-peer-urls", "http://127.0.0.1:"+peer, "--initial-advertise-peer-urls", "http://127.0.0.1:"+peer,
		"--initial-cluster", "default=http://127.0.0.1:"+peer, "--listen-metrics-urls", "http://127.0.0.1:"+metrics,
	); err != nil {
		return components, err
	}
	key := filepath.Join(dir, "service-account.key")
	if err := run("kube-apiserver", "--etcd-servers", etcdURL, "--cert-dir", certificates,
		"--bind-address", "127.0.0.1", "--advertise-address", "127.0.0.1", "--secure-port", secure,
		"--service-account-key-file", key, "--service-account-signing-key-file", key,
		"--service-account-issuer", "https://kubernetes.default.svc", "--authorization-mode", "RBAC",
		"--token-auth-file", filepath.Join(dir, "tokens.csv"), "--service-cluster-ip-range", "10.0.0.0/24",
		"--disable-admission-plugins", "ServiceAccount", "--endpoint-reconciler-type", "none",
		"--audit-policy-file", filepath.Join(dir, "audit-policy.yaml"), "--audit-log-path", filepath.Join(dir, "audit.log"),
		"--audit-log-maxsize", "1000",
	); err != nil {
		return components, err
	}
	server := "https://127.0.0.1:" + secure
	ca := filepath.Join(certificates, "apiserver.crt")
	if err := ready(server+"/readyz", ca, token, components, stop); err != nil {
		return components, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := writeKubeconfig(kubeconfig, server, ca, token); err != nil {
		return components, err
	}
	if err := run("kube-controller-manager", "--kubeconfig", kubeconfig, "--secure-port", "0",
		"--leader-elect=false", "--use-service-account-credentials=false",
		"--controllers", "garbage-collector-controller,namespace-controller,serviceaccount-controller,serviceaccount-token-controller",
		"--service-account-private-key-file", key, "--root-ca-file", ca,
	); err != nil {
		return components, err
	}
	// The namespace's account is what the controller manager makes last of what tests need.
	account := server + "/api/v1/namespaces/default/serviceaccounts/default"
	if err := ready(account, ca, token, components, stop); err != nil {
		return components, err
	}
	return components, os.WriteFile(filepath.Join(dir, "ready"), []byte(server+"\n"), 0o600)
}

func launch(dir, name string, arguments []string) (*component, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	log := filepath.Join(dir, name+".log")
	output, err := os.Create(log)
	if err != nil {
		return nil, err
	}
	defer output.Close()
	command := exec.Command(executable, arguments...)
	command.Args[0] = name
	command.Stdout, command.Stderr = output, output
	command.Dir = dir
	// In a group of their own, so that an interrupt from the keyboard reaches us alone and the end is
	// orderly; and dead when we are, however we die.
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c := &component{name: name, command: command, log: log, done: make(chan struct{})}
	go func() {
		_ = command.Wait()
		close(c.done)
	}()
	return c, nil
}

// ready waits until a URL answers with success, and notices when a component has died.
func ready(url, ca, token string, components []*component, stop <-chan os.Signal) error {
	deadline := time.Now().Add(startDeadline)
	for {
		for _, c := range components {
			select {
			case <-c.done:
				return fmt.Errorf("%s ended while starting; the end of %s:\n%s", c.name, c.log, tail(c.log))
			default:
			}
		}
		if answers(url, ca, token) {
			return nil
		}
		if time.Now().After(deadline) {
			last := components[len(components)-1]
			return fmt.Errorf("%s was not answered within %s; the end of %s:\n%s", url, startDeadline, last.log, tail(last.log))
		}
		select {
		case <-stop:
			return errAsked
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func answers(url, ca, token string) bool {
	certificate, err := os.ReadFile(ca)
	if err != nil {
		return false
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(certificate)
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true, Proxy: nil,
	}}
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

func tail(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

func wait(components []*component, stop <-chan os.Signal) {
	ended := make(chan *component, len(components))
	for _, c := range components {
		go func() {
			<-c.done
			ended <- c
		}()
	}
	select {
	case <-stop:
	case c := <-ended:
		fmt.Fprintf(os.Stderr, "control-plane: %s ended by itself; the end of %s:\n%s\n", c.name, c.log, tail(c.log))
	}
}

// end asks each component to end, the last one first, and doesn't ask twice: nothing in DIR outlives us.
func end(components []*component) {
	for index := len(components) - 1; index >= 0; index-- {
		c := components[index]
		signals := []os.Signal{syscall.SIGTERM, syscall.SIGKILL}
		if c.name != "etcd" {
			signals = signals[1:] // They hold nothing that isn't in etcd, and take long to say good-bye.
		}
		for _, s := range signals {
			_ = c.command.Process.Signal(s)
			select {
			case <-c.done:
			case <-time.After(5 * time.Second):
				continue
			}
			break
		}
	}
}

func freePorts(count int) ([]string, error) {
	var ports []string
	var listeners []net.Listener
	defer func() {
		for _, listener := range listeners {
			listener.Close()
		}
	}()
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		listeners = append(listeners, listener)
		ports = append(ports, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  userGroups: ["system:masters"]
- level: None
  users: ["system:apiserver"]
- level: None
  nonResourceURLs: ["/*"]
# What operators write into status and events is searched for secrets when the tests are through.
- level: Request
  verbs: [create, update, patch]
  resources:
  - {group: redshift-governance.dev}
  - {group: events.k8s.io}
- level: Metadata
`

// writeCredentials makes the administrator's token, the key that signs service accounts' tokens, and
// the policy by which requests of service accounts are counted.
func writeCredentials(dir string) (string, error) {
	random := make([]byte, 24)
	if _, err := rand.Read(random); err != nil {
		return "", err
	}
	token := hex.EncodeToString(random)
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return "", err
	}
	encoded := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	for name, content := range map[string][]byte{
		"service-account.key": encoded,
		"tokens.csv":          fmt.Appendf(nil, "%s,admin,admin,system:masters\n", token),
		"audit-policy.yaml":   []byte(auditPolicy),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return "", err
		}
	}
	return token, nil
}

func writeKubeconfig(path, server, ca, token string) error {
	content := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: local, cluster: {server: %q, certificate-authority: %q}}]
users: [{name: admin, user: {token: %q}}]
contexts: [{name: local, context: {cluster: local, user: admin, namespace: default}}]
current-context: local
`, server, ca, token)
	return os.WriteFile(path, []byte(content), 0o600)
}

func upDetached(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	_ = os.Remove(filepath.Join(dir, "ready"))
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(dir, "control-plane.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(executable, "up", "--dir", dir)
	command.Args[0] = "control-plane"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return err
	}
	done := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(done)
	}()
	for {
		if _, err := os.Stat(filepath.Join(dir, "ready")); err == nil {
			return command.Process.Release()
		}
		select {
		case <-done:
			return fmt.Errorf("it didn't start:\n%s", tail(log.Name()))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// The recorded id is only believed together with the process's start time: ids are used again.
func writePid(dir string) error {
	started, err := startTime(os.Getpid())
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "pid"), fmt.Appendf(nil, "%d %s\n", os.Getpid(), started), 0o600)
}

func startTime(pid int) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", err
	}
	// The name, in parentheses, may hold anything; what follows it is fields of which the 20th is the time.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 20 {
		return "", errors.New("/proc/PID/stat has an unknown form")
	}
	return fields[19], nil
}

// running returns the id of the process that runs in DIR, or 0.
func running(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "pid"))
	if err != nil {
		return 0
	}
	var pid int
	var started string
	if _, err := fmt.Sscan(string(text), &pid, &started); err != nil {
		return 0
	}
	if now, err := startTime(pid); err != nil || now != started {
		return 0
	}
	return pid
}

func down(dir string) error {
	pid := running(dir)
	if pid == 0 {
		return nil
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, s); err != nil {
			return err
		}
		for range 300 {
			if running(dir) == 0 || gone(pid) {
				_ = os.Remove(filepath.Join(dir, "pid"))
				return nil
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return fmt.Errorf("the process %d doesn't end", pid)
}

func gone(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	return strings.HasPrefix(strings.TrimSpace(string(text[bytes.LastIndexByte(text, ')')+1:])), "Z")
}
