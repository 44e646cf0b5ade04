using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Device.Inference;
using EdgeAgent.Device.Slots;
using EdgeAgent.Device.Storage;

namespace EdgeAgent.Device.Deployment;

/// <summary>How a step of a deployment ended.</summary>
internal readonly record struct StepResult(DeploymentTrigger Trigger, string? Reason = null)
{
    public static StepResult Failed(string reason) => new(DeploymentTrigger.Failed, reason);
}

/// <summary>What is done in each state of a deployment. Every step may be interrupted anywhere and done again.</summary>
internal sealed class DeploymentSteps(string model, ModelSlots slots, DeploymentServices services)
{
    private const int ProbationChecks = 5;

    private readonly string _envelopePath = Path.Combine(services.State.Deployments, model + ".envelope.json");

    /// <summary>The manifest of the package under way, once it is verified; its files are not to be collected.</summary>
    public Manifest? UnderWay { get; private set; }

    public async Task<StepResult> DownloadAsync(DeploymentRecord record, Action<double> progress, CancellationToken cancellation)
    {
        var digest = record.Digest!.Value;
        var envelope = PackageDownload.LoadEnvelope(_envelopePath, digest) ?? await services.Download.EnvelopeAsync(digest, cancellation);
        // Before a byte of the package is used: signature, expiry, profile, bounds.
        var manifest = services.Verifier.Verify(envelope, digest, services.Identity.Profile, services.Clock.Now());
        if (manifest.Name != model)
            throw new PackageRefusedException(PackageRefusal.Malformed, $"package {digest} is of model {manifest.Name}; it was asked for as {model}");
        RefuseDowngrade(digest, manifest);
        var files = PackageDownload.Needed(manifest);
        UnderWay = manifest;
        PackageDownload.SaveEnvelope(_envelopePath, envelope);
        services.Download.CheckSpace(files, DiskSpace.FreeBytes(services.Content.Root));
        await services.Download.FilesAsync(files, progress, cancellation);
        return new StepResult(DeploymentTrigger.Downloaded);
    }

    public StepResult Verify(DeploymentRecord record)
    {
        var (_, manifest) = Package(record);
        foreach (var file in PackageDownload.Needed(manifest))
        {
            PartialFile.Finish(services.Content, file);
            // A file that was here before this deployment is looked at again: flash decays.
            if (!services.Content.IsIntact(file))
            {
                File.Delete(services.Content.Path(file.Digest));
                throw new PackageRefusedException(PackageRefusal.DigestMismatch, $"file {file.Path} on disk is not the one that the manifest names");
            }
        }
        return new StepResult(DeploymentTrigger.Verified);
    }

    public StepResult Stage(DeploymentRecord record)
    {
        var (envelope, manifest) = Package(record);
        slots.Write(record.Target, envelope, PackageDownload.Needed(manifest));
        return new StepResult(DeploymentTrigger.SlotWritten);
    }

    public async Task<StepResult> TrialAsync(DeploymentRecord record, CancellationToken cancellation)
    {
        var package = Staged(record);
        var report = await services.Benchmark.RunAsync(package, BenchmarkPhase.Trial, cancellation);
        services.Events.Add(report);
        return GateCheck.Fault(report, package.Manifest.Gates) is { } fault ? StepResult.Failed(fault) : new StepResult(DeploymentTrigger.TrialPassed);
    }

    public StepResult Activate(DeploymentRecord record)
    {
        _ = Staged(record);
        slots.Switch(record.Target);
        FaultPoint.Reach(FaultPoint.Switched);
        return new StepResult(DeploymentTrigger.Switched);
    }

    /// <summary>The new model serves and is looked at several times on the path that serves.</summary>
    public async Task<StepResult> ProbationAsync(DeploymentRecord record, CancellationToken cancellation)
    {
        var package = Staged(record);
        services.Serving.Replace(model, package);
        for (var check = 1; check <= ProbationChecks; check++)
        {
            await Task.Delay(services.Probation / ProbationChecks, services.Time, cancellation);
            if (!services.Serving.TryUse(model, engine => GoldenSamples.Load(package.Manifest, services.Content, engine).Agreement(engine), out var agreement))
                return StepResult.Failed("probation: the model does not serve");
            if (agreement < package.Manifest.Gates.MinGoldenAgreement)
                return StepResult.Failed(FormattableString.Invariant($"probation: the serving model gives {agreement:F4} of the golden samples their class; at least {package.Manifest.Gates.MinGoldenAgreement:F4} is asked for"));
        }
        return new StepResult(DeploymentTrigger.ProbationPassed);
    }

    /// <summary>After a start: takes up the package under way again.</summary>
    /// <returns>Bytes of it that are here.</returns>
    public long Resume(DeploymentRecord record)
    {
        if (record.Digest is not { } digest || PackageDownload.LoadEnvelope(_envelopePath, digest) is not { } envelope)
            return 0;
        try
        {
            UnderWay = services.Verifier.Verify(envelope);
            return services.Download.ReceivedBytes(PackageDownload.Needed(UnderWay));
        }
        catch (PackageRefusedException)
        {
            return 0;
        }
    }

    /// <summary>The deployment is over.</summary>
    public void Clear()
    {
        UnderWay = null;
        File.Delete(_envelopePath);
    }

    private void RefuseDowngrade(Sha256Digest digest, Manifest manifest)
    {
        if (slots.Current is not { } current || slots.Read(current) is not { } installed || manifest.Version >= installed.Manifest.Version)
            return;
        // Going back to the package of the other slot is what a rollback by the controller is.
        if (slots.Read(slots.Inactive)?.Digest == digest)
            return;
        throw new PackageRefusedException(PackageRefusal.Downgrade, $"package {digest} is version {manifest.Version}; version {installed.Manifest.Version} is installed; publish it under a higher version");
    }

    private (SignedEnvelope Envelope, Manifest Manifest) Package(DeploymentRecord record)
    {
        var digest = record.Digest!.Value;
        var envelope = PackageDownload.LoadEnvelope(_envelopePath, digest)
            ?? throw new PackageRefusedException(PackageRefusal.Malformed, $"the envelope of {digest} was lost on disk");
        var manifest = services.Verifier.Verify(envelope);
        UnderWay = manifest;
        return (envelope, manifest);
    }

    private SlotPackage Staged(DeploymentRecord record)
    {
        if (slots.Read(record.Target) is not { } package || package.Digest != record.Digest)
            throw new ModelUnusableException($"slot {record.Target} does not hold package {record.Digest}");
        UnderWay = package.Manifest;
        return package;
    }
}
