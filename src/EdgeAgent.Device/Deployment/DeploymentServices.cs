using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Device.Benchmark;
using EdgeAgent.Device.Enrolment;
using EdgeAgent.Device.Inference;
using EdgeAgent.Device.Reports;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;
using Microsoft.Extensions.Logging;

namespace EdgeAgent.Device.Deployment;

/// <summary>What the deployments of all models share.</summary>
internal sealed record DeploymentServices(
    StateDirectory State,
    DeviceIdentity Identity,
    PackageVerifier Verifier,
    ContentStore Content,
    PackageDownload Download,
    ServingModels Serving,
    ModelBenchmark Benchmark,
    EventLog Events,
    ClockFloor Clock,
    TimeSpan Probation,
    TimeProvider Time,
    ILogger Logger);
