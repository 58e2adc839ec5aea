// Copyright 2026 viam_session_bridge contributors
// SPDX-License-Identifier: Apache-2.0

// Drives a base ahead with the Viam Go SDK, again at each Enter; the end of the input stops it.
//
//	CGO_ENABLED=0 go build -tags no_cgo -o /tmp/drive .
//	/tmp/drive localhost:8080
//
// Kill this program while it drives: the robot stops at once. Freeze it (kill -STOP): the robot
// stops after the heartbeat window, 2 s. Continue it (kill -CONT) and press Enter: the robot drives
// again. This program needs no code for any of this: the SDK starts a session with the first motion
// command, sends heartbeats, and after a lost session starts a new one and repeats the call.
//
// For a bridge with API keys, set VIAM_API_KEY_ID and VIAM_API_KEY to the id and the key.
// With --tls, SSL_CERT_FILE names the file of a private CA.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/golang/geo/r3"
	"go.viam.com/rdk/components/base"
	"go.viam.com/rdk/logging"
	"go.viam.com/rdk/robot/client"
	"go.viam.com/utils/rpc"
)

func main() {
	name := flag.String("name", "base", "name of the base in the bridge")
	power := flag.Float64("power", 0.5, "-1 to 1 of full speed")
	remote := flag.String("remote", "", "connect like a viam-server to its remote of this name")
	tls := flag.Bool("tls", false, "connect with TLS")
	flag.Parse()
	address := "localhost:8080"
	if flag.NArg() > 0 {
		address = flag.Arg(0)
	}
	if err := drive(context.Background(), address, *name, *remote, *power, *tls); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func drive(ctx context.Context, address, name, remote string, power float64, tls bool) error {
	// The bridge reports at once that WebRTC is not available; then the SDK connects directly.
	dial := []rpc.DialOption{}
	if !tls {
		dial = append(dial, rpc.WithInsecure())
	}
	if id := os.Getenv("VIAM_API_KEY_ID"); id != "" {
		dial = append(dial, rpc.WithEntityCredentials(id, rpc.Credentials{
			Type: rpc.CredentialsTypeAPIKey, Payload: os.Getenv("VIAM_API_KEY")}))
	}
	options := []client.RobotClientOption{client.WithDialOptions(dial...)}
	if remote != "" {
		options = append(options, client.WithRemoteName(remote))
	}
	robot, err := client.New(ctx, address, logging.NewLogger("drive"), options...)
	if err != nil {
		return err
	}
	// The end of the connection is the only sign of a clean end; the bridge needs no other.
	defer robot.Close(ctx)
	for _, resource := range robot.ResourceNames() {
		fmt.Println("resource", resource)
	}
	for _, api := range robot.ResourceRPCAPIs() {
		// The SDK reads the service and its methods with gRPC reflection.
		fmt.Println("api", api.API, api.Desc.GetFullyQualifiedName(), len(api.Desc.GetMethods()))
	}
	it, err := base.FromProvider(robot, name)
	if err != nil {
		return err
	}
	input := bufio.NewScanner(os.Stdin)
	for more := true; more; more = input.Scan() {
		// Viam's axes: y is ahead, z turns counter-clockwise.
		err := it.SetPower(ctx, r3.Vector{Y: power}, r3.Vector{}, nil)
		fmt.Println("drives, error:", err)
	}
	err = it.Stop(ctx, nil)
	fmt.Println("stops, error:", err)
	return err
}
