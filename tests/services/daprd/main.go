// Command daprd is Dapr's sidecar as the tests use it: the released runtime, with a handful of components.
//
// Dapr's own command links every component that there is, which takes most of an hour to build. What it does besides
// is to turn flags into the runtime's configuration, as is done here.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/dapr/components-contrib/nameresolution/sqlite"
	"github.com/dapr/components-contrib/pubsub/kafka"
	pubsubredis "github.com/dapr/components-contrib/pubsub/redis"
	"github.com/dapr/components-contrib/secretstores/local/env"
	"github.com/dapr/components-contrib/secretstores/local/file"
	"github.com/dapr/dapr/cmd/daprd/options"
	"github.com/dapr/dapr/pkg/buildinfo"
	"github.com/dapr/dapr/pkg/components/bindings"
	"github.com/dapr/dapr/pkg/components/configuration"
	"github.com/dapr/dapr/pkg/components/conversation"
	"github.com/dapr/dapr/pkg/components/crypto"
	"github.com/dapr/dapr/pkg/components/lock"
	"github.com/dapr/dapr/pkg/components/middleware/http"
	"github.com/dapr/dapr/pkg/components/nameresolution"
	"github.com/dapr/dapr/pkg/components/pubsub"
	"github.com/dapr/dapr/pkg/components/secretstores"
	"github.com/dapr/dapr/pkg/components/state"
	"github.com/dapr/dapr/pkg/healthz"
	"github.com/dapr/dapr/pkg/metrics"
	"github.com/dapr/dapr/pkg/modes"
	"github.com/dapr/dapr/pkg/runtime"
	"github.com/dapr/dapr/pkg/runtime/registry"
	"github.com/dapr/dapr/pkg/security"
	"github.com/dapr/kit/concurrency"
	"github.com/dapr/kit/logger"
	"github.com/dapr/kit/signals"
)

var log = logger.NewLogger("dapr.runtime")

func main() {
	given, err := options.New(os.Args[1:])
	exitOn(err)
	if given.RuntimeVersion {
		fmt.Println(buildinfo.Version())
		return
	}
	given.Logger.SetAppID(given.AppID)
	exitOn(logger.ApplyOptionsToLoggers(&given.Logger))
	log.Infof("Starting Dapr Runtime -- version %s", buildinfo.Version())

	ctx, health, known := signals.Context(), healthz.New(), components()
	trust, err := security.New(ctx, security.Options{
		SentryAddress:           given.SentryAddress,
		ControlPlaneTrustDomain: given.ControlPlaneTrustDomain,
		ControlPlaneNamespace:   given.ControlPlaneNamespace,
		TrustAnchors:            given.TrustAnchors,
		AppID:                   given.AppID,
		MTLSEnabled:             given.EnableMTLS,
		Mode:                    modes.DaprMode(given.Mode),
		Healthz:                 health,
		JwtAudiences:            given.SentryRequestJwtAudiences,
	})
	exitOn(err)
	run := func(ctx context.Context) error {
		handler, err := trust.Handler(ctx)
		if err != nil {
			return err
		}
		sidecar, err := runtime.FromConfig(ctx, configured(given, known, handler, health))
		if err != nil {
			return err
		}
		return sidecar.Run(ctx)
	}
	exitOn(concurrency.NewRunnerManager(trust.Run, run).Run(ctx))
}

// components makes known what a component's file may name.
func components() *registry.Options {
	contributed := logger.NewLogger("dapr.contrib")
	secretstores.DefaultRegistry.Logger = contributed
	secretstores.DefaultRegistry.RegisterComponent(file.NewLocalSecretStore, "local.file")
	secretstores.DefaultRegistry.RegisterComponent(env.NewEnvSecretStore, "local.env")
	pubsub.DefaultRegistry.Logger = contributed
	pubsub.DefaultRegistry.RegisterComponent(kafka.NewKafka, "kafka")
	pubsub.DefaultRegistry.RegisterComponent(pubsubredis.NewRedisStreams, "redis")
	nameresolution.DefaultRegistry.Logger = contributed
	nameresolution.DefaultRegistry.RegisterComponent(sqlite.NewResolver, "sqlite")
	return registry.NewOptions().
		WithSecretStores(secretstores.DefaultRegistry).
		WithPubSubs(pubsub.DefaultRegistry).
		WithNameResolutions(nameresolution.DefaultRegistry).
		WithStateStores(state.DefaultRegistry).
		WithConfigurations(configuration.DefaultRegistry).
		WithLocks(lock.DefaultRegistry).
		WithBindings(bindings.DefaultRegistry).
		WithCryptoProviders(crypto.DefaultRegistry).
		WithHTTPMiddlewares(http.DefaultRegistry).
		WithConversations(conversation.DefaultRegistry)
}

func configured(
	given *options.Options, known *registry.Options, trust security.Handler, health healthz.Healthz,
) *runtime.Config {
	return &runtime.Config{
		AppID:                         given.AppID,
		ActorsService:                 given.ActorsService,
		RemindersService:              given.RemindersService,
		SchedulerAddress:              given.SchedulerAddress,
		SchedulerStreams:              given.SchedulerJobStreams,
		SentryAddress:                 given.SentryAddress,
		ControlPlaneAddress:           given.ControlPlaneAddress,
		UnixDomainSocket:              given.UnixDomainSocket,
		EnableProfiling:               given.EnableProfiling,
		AppSSL:                        given.AppSSL,
		AllowedOrigins:                given.AllowedOrigins,
		ResourcesPath:                 given.ResourcesPath,
		ComponentsPath:                given.ComponentsPath,
		AppProtocol:                   given.AppProtocol,
		Mode:                          given.Mode,
		DaprHTTPPort:                  given.DaprHTTPPort,
		DaprInternalGRPCPort:          given.DaprInternalGRPCPort,
		DaprInternalGRPCListenAddress: given.DaprInternalGRPCListenAddress,
		DaprAPIGRPCPort:               given.DaprAPIGRPCPort,
		DaprAPIListenAddresses:        given.DaprAPIListenAddresses,
		DaprPublicPort:                given.DaprPublicPort,
		DaprPublicListenAddress:       given.DaprPublicListenAddress,
		ApplicationPort:               given.AppPort,
		AppMaxConcurrency:             given.AppMaxConcurrency,
		ProfilePort:                   given.ProfilePort,
		EnableMTLS:                    given.EnableMTLS,
		MaxRequestSize:                given.MaxRequestSize,
		ReadBufferSize:                given.ReadBufferSize,
		DaprGracefulShutdownSeconds:   given.DaprGracefulShutdownSeconds,
		DaprBlockShutdownDuration:     given.DaprBlockShutdownDuration,
		DisableBuiltinK8sSecretStore:  given.DisableBuiltinK8sSecretStore,
		EnableAppHealthCheck:          given.EnableAppHealthCheck,
		AppHealthCheckPath:            given.AppHealthCheckPath,
		AppHealthProbeInterval:        given.AppHealthProbeInterval,
		AppHealthProbeTimeout:         given.AppHealthProbeTimeout,
		AppHealthThreshold:            given.AppHealthThreshold,
		AppChannelAddress:             given.AppChannelAddress,
		EnableAPILogging:              given.EnableAPILogging,
		Config:                        given.Config,
		Metrics: metrics.Options{
			Enabled:       given.Metrics.Enabled(),
			Log:           log,
			Port:          given.Metrics.Port(),
			Namespace:     metrics.DefaultMetricNamespace,
			Healthz:       health,
			ListenAddress: given.Metrics.ListenAddress(),
		},
		Registry: known,
		Security: trust,
		Healthz:  health,
	}
}

func exitOn(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
