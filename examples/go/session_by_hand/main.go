// Copyright 2026 viam_session_bridge contributors
// SPDX-License-Identifier: Apache-2.0

// Uses Viam's Session Management API directly, for programs without an SDK.
//
//	go build -o /tmp/session_by_hand .
//	/tmp/session_by_hand localhost:8080
//
// A session requires heartbeats: StartSession returns the window, every motion command has the
// session id in its metadata, and SendSessionHeartbeat must be called within every window. This
// program drives with heartbeats for three seconds, then sends none: the robot stops after the
// window, and a command with the expired session is refused with SESSION_EXPIRED.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	common "go.viam.com/api/common/v1"
	base "go.viam.com/api/component/base/v1"
	robot "go.viam.com/api/robot/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// The metadata key of the session id in motion commands.
const sessionKey = "viam-sid"

func main() {
	address, name := "localhost:8080", "base"
	for i, one := range []*string{&address, &name} {
		if len(os.Args) > i+1 {
			*one = os.Args[i+1]
		}
	}
	if err := run(context.Background(), address, name); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, address, name string) error {
	connection, err := grpc.NewClient(
		address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	machine, bases := robot.NewRobotServiceClient(connection), base.NewBaseServiceClient(connection)

	session, err := machine.StartSession(ctx, &robot.StartSessionRequest{})
	if err != nil {
		return err
	}
	window := session.HeartbeatWindow.AsDuration()
	fmt.Println("session", session.Id, "window", window)

	under := metadata.AppendToOutgoingContext(ctx, sessionKey, session.Id)
	// Viam's axes: y is ahead, z turns counter-clockwise. Power is -1 to 1 of full speed.
	ahead := &base.SetPowerRequest{
		Name: name, Linear: &common.Vector3{Y: 0.5}, Angular: &common.Vector3{}}
	if _, err := bases.SetPower(under, ahead); err != nil {
		return err
	}
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(window / 5) {
		if _, err := machine.SendSessionHeartbeat(
			ctx, &robot.SendSessionHeartbeatRequest{Id: session.Id}); err != nil {
			return err
		}
	}
	open, err := machine.GetSessions(ctx, &robot.GetSessionsRequest{})
	if err != nil {
		return err
	}
	for _, one := range open.Sessions {
		fmt.Println("open", one.Id, "from", one.PeerConnectionInfo.GetRemoteAddress())
	}
	if err := printMoving(ctx, bases, name, "with heartbeats"); err != nil {
		return err
	}

	time.Sleep(window + time.Second)
	if err := printMoving(ctx, bases, name, "without heartbeats"); err != nil {
		return err
	}
	_, err = bases.SetPower(under, ahead)
	fmt.Println("refused", status.Code(err), status.Convert(err).Message())
	return nil
}

func printMoving(ctx context.Context, bases base.BaseServiceClient, name, when string) error {
	reply, err := bases.IsMoving(ctx, &base.IsMovingRequest{Name: name})
	if err == nil {
		fmt.Println("moving", when, reply.IsMoving)
	}
	return err
}
