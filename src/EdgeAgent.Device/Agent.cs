using System.Buffers;
using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Contracts.Json;
using EdgeAgent.Contracts.Mqtt;
using EdgeAgent.Device.Benchmark;
using EdgeAgent.Device.Deployment;
using EdgeAgent.Device.Enrolment;
using EdgeAgent.Device.Hardware;
using EdgeAgent.Device.Inference;
using EdgeAgent.Device.Mqtt;
using EdgeAgent.Device.Power;
using EdgeAgent.Device.Reports;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;
using EdgeAgent.Int8.Kernels;
using Microsoft.Extensions.Logging;
using MQTTnet;

namespace EdgeAgent.Device;

/// <summary>Puts the parts of the agent together and runs them until it is told to stop.</summary>
internal static class Agent
{
    /// <param name="line">The command line.</param>
    /// <param name="files">The kernel's files.</param>
    /// <param name="time">Clock and timers.</param>
    /// <param name="log">Where lines go.</param>
    /// <param name="cancellation">Stops in order.</param>
    /// <exception cref="AgentException">It cannot begin or go on.</exception>
    public static async Task RunAsync(CommandLine line, SystemFiles files, TimeProvider time, ILogger log, CancellationToken cancellation)
    {
        // Before the state folder is made: wrong usage leaves nothing behind.
        Enroller.CheckUsage(line);
        using var state = StateDirectory.Open(line.State);
        var probe = new HardwareProbe(files);
        var roofline = RooflineFile.LoadOrMeasure(state.Roofline);
        var identity = DeviceIdentity.Load(state.Identity);
        if (identity is null)
        {
            identity = await Enroller.EnrolAsync(line, state.Identity, probe.Report(state.Root, roofline), time, cancellation);
            Log.Enrolled(log, identity.Device.Value, line.Controller!, identity.VerifyingKeys.Count);
        }
        Log.Started(log, HardwareProbe.AgentVersion, identity.Device.Value, identity.Profile, identity.Emulated ? " (emulated)" : "", KernelSet.Default.Name, line.Threads, state.Root);

        using var verifier = new PackageVerifier(identity.VerifyingKeys);
        using var spool = ReportSpool.Open(state.Spool);
        var events = new EventLog(spool, files, time);
        var content = new ContentStore(state.Content);
        var loader = new EngineLoader(content, line.Threads);
        using var serving = new ServingModels(loader);
        var benchmarkOptions = BenchmarkOptions.Default with { Budget = line.Benchmark };
        using var benchmark = new ModelBenchmark(identity, loader, content, files, benchmarkOptions, line.HasEnergyWindows ? EnergyOptions.Default : null, time);
        await using var link = new DeviceLink(identity, () => probe.Report(state.Root, roofline), time, log);
        var blobs = new BlobClient(link, time);
        var deployments = new Deployments(new DeploymentServices(
            state, identity, verifier, content, new PackageDownload(blobs, content), serving, benchmark, events,
            new ClockFloor(state.ClockFloor, time), line.Probation, time, log));

        var sender = new ReportSender(link, spool, time);
        var publisher = new ReportedPublisher(link, deployments, time);
        events.Appended += sender.Wake;
        deployments.Changed += publisher.Wake;
        link.Connected += sender.Wake;
        link.Connected += publisher.Wake;
        link.Received = (kind, message) =>
        {
            try
            {
                Dispatch(kind, message, deployments, blobs, sender, log);
            }
            catch (IOException e)
            {
                Log.MessageNotStored(log, kind, e.Message.ReplaceLineEndings(" "));
            }
        };

        await RunAllAsync([link.RunAsync, deployments.RunAsync, sender.RunAsync, publisher.RunAsync], cancellation);
        Log.Stopped(log);
    }

    /// <summary>Runs until cancelled, or until one part fails: then the others are stopped and the fault is thrown.</summary>
    private static async Task RunAllAsync(IReadOnlyList<Func<CancellationToken, Task>> parts, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var tasks = parts.Select(part => Task.Run(() => part(stop.Token))).ToList();
        var first = await Task.WhenAny(tasks);
        await stop.CancelAsync();
        try
        {
            await Task.WhenAll(tasks);
        }
        catch (OperationCanceledException)
        {
            // That is how parts end; a fault of the first one is told below.
        }
        if (first.Exception is { InnerException: { } fault })
            throw fault;
    }

    private static void Dispatch(TopicKind kind, MqttApplicationMessage message, Deployments deployments, BlobClient blobs, ReportSender sender, ILogger log)
    {
        switch (kind)
        {
            case TopicKind.BlobResponse:
                blobs.OnResponse(message);
                break;
            case TopicKind.Desired:
                deployments.Accept(message.Payload.ToArray());
                break;
            case TopicKind.Commands:
                Obey(message.Payload.ToArray(), deployments, sender, log);
                break;
        }
    }

    private static void Obey(ReadOnlySpan<byte> json, Deployments deployments, ReportSender sender, ILogger log)
    {
        DeviceCommand? command;
        try
        {
            command = JsonSerializer.Deserialize(json, ContractsJson.Default.DeviceCommand);
        }
        catch (JsonException)
        {
            command = null;
        }
        switch (command?.Kind)
        {
            case DeviceCommandKind.AcknowledgeReports:
                sender.OnAcknowledged(command);
                break;
            case DeviceCommandKind.Benchmark:
                deployments.BenchmarkNow(command.Model);
                break;
            default:
                Log.CommandIgnored(log, "it is not known to this version");
                break;
        }
    }
}
