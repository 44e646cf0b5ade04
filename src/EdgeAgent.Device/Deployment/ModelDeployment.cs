using System.Text.Json;
using EdgeAgent.Contracts.Artifacts;
using EdgeAgent.Contracts.Benchmarks;
using EdgeAgent.Contracts.Deployments;
using EdgeAgent.Device.Inference;
using EdgeAgent.Device.Mqtt;
using EdgeAgent.Device.Slots;

namespace EdgeAgent.Device.Deployment;

/// <summary>
/// Drives the deployment of one model through <see cref="DeploymentTable"/>: writes the state, tells of it, acts on it.
/// One loop; <see cref="Want"/>, <see cref="BenchmarkNow"/> and <see cref="Reported"/> may be used from any thread.
/// </summary>
internal sealed class ModelDeployment
{
    /// <summary>How often the agent may stop in one state without getting on before the deployment is given up.</summary>
    public const int MaxStarts = 3;

    private readonly string _model;
    private readonly DeploymentServices _services;
    private readonly Action _changed;
    private readonly string _recordPath;
    private readonly ModelSlots _slots;
    private readonly DeploymentSteps _steps;
    private readonly AsyncSignal _wake;
    private readonly Lock _lock = new();
    private DeploymentRecord _record;
    private DesiredModel? _wanted;
    private bool _isWantKnown;
    private CancellationTokenSource? _step;
    private double _progress;
    private double _progressTold;

    /// <param name="model">Name of the model.</param>
    /// <param name="services">Shared with the other models.</param>
    /// <param name="changed">Called after every change of <see cref="Reported"/>, from any thread.</param>
    public ModelDeployment(string model, DeploymentServices services, Action changed)
    {
        (_model, _services, _changed) = (model, services, changed);
        _recordPath = Path.Combine(services.State.Deployments, model + ".json");
        _slots = new ModelSlots(services.State.Models, model, services.Content, services.Verifier);
        _steps = new DeploymentSteps(model, _slots, services);
        _wake = new AsyncSignal(services.Time);
        _record = DeploymentRecord.Load(_recordPath)
            ?? new DeploymentRecord { Model = model, State = DeploymentState.Idle, Previous = _slots.Current, Target = _slots.Inactive };
        Recover();
    }

    public ReportedModel Reported
    {
        get
        {
            lock (_lock)
            {
                var serving = _services.Serving.Package(_model);
                return new ReportedModel
                {
                    Current = serving?.Digest,
                    Student = serving?.Manifest.Student,
                    Deploying = _record.Digest,
                    Rollout = _record.Rollout,
                    State = _record.State,
                    Progress = _record.State switch
                    {
                        DeploymentState.Idle => 0,
                        DeploymentState.Downloading or DeploymentState.RolledBack => _progress,
                        _ => 1,
                    },
                    Reason = _record.Reason,
                };
            }
        }
    }

    /// <summary>Digests of the files that this model needs: those of its slots and of the package under way.</summary>
    public IEnumerable<Sha256Digest> Files() => [.. _slots.Files(), .. _steps.UnderWay?.Files.Select(file => file.Digest) ?? []];

    /// <summary>What the controller wants now; null takes an unfinished deployment back and leaves what serves.</summary>
    public void Want(DesiredModel? wanted)
    {
        lock (_lock)
        {
            (_wanted, _isWantKnown) = (wanted, true);
            if (wanted?.Digest != _record.Digest && _record.State is not (DeploymentState.Activating or DeploymentState.Probation))
                _ = _step?.CancelAsync();
        }
        _wake.Set();
    }

    /// <summary>Benchmarks the model that serves as soon as nothing else is under way.</summary>
    public void BenchmarkNow()
    {
        Update(record => record with { BenchmarkDue = true });
        _wake.Set();
    }

    /// <param name="collect">Deletes content that no model needs any more.</param>
    /// <param name="cancellation">Stops between and inside steps; the next start goes on.</param>
    public async Task RunAsync(Action collect, CancellationToken cancellation)
    {
        var isTidy = false;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            if (!DeploymentTable.IsSettled(_record.State))
            {
                var result = await ActAsync(cancellation);
                Move(result.Trigger, result.Reason);
                isTidy = false;
                continue;
            }
            if (!isTidy)
            {
                Restore();
                _steps.Clear();
                collect();
                isTidy = true;
            }
            if (TryBegin())
                continue;
            if (_record.BenchmarkDue)
                await BenchmarkAsync(cancellation);
            else
                await _wake.WaitAsync(Timeout.InfiniteTimeSpan, cancellation);
        }
    }

    /// <summary>After a start: counts it, and makes what serves agree with the state on disk.</summary>
    private void Recover()
    {
        Tell();
        if (!DeploymentTable.IsSettled(_record.State))
        {
            var bytes = _steps.Resume(_record);
            var hasGrown = _record.State == DeploymentState.Downloading && bytes > _record.BytesAtStart;
            Update(record => record with { Starts = hasGrown ? 1 : record.Starts + 1, BytesAtStart = bytes });
            FaultPoint.Reach(FaultPoint.ResumedPrefix + _record.State);
            if (_record.Starts >= MaxStarts)
                Move(DeploymentTrigger.Failed, $"the agent stopped {MaxStarts} times in {_record.State} without getting on");
        }
        Restore();
    }

    /// <summary>Lets the slot serve that has to in this state. Idempotent: run at every start and after every deployment.</summary>
    private void Restore()
    {
        // In Activating the step itself switches; until then the old slot serves.
        if (_record.State != DeploymentState.Activating)
            _slots.Switch(_record.Serving);
        try
        {
            _services.Serving.Replace(_model, Intact(_slots.Current is { } current ? _slots.Read(current) : null));
        }
        catch (ModelUnusableException e)
        {
            Log.CannotServe(_services.Logger, _model, e.Message);
        }
        _changed();
    }

    private SlotPackage? Intact(SlotPackage? package)
    {
        if (package is null || _services.Serving.Package(_model)?.Digest == package.Digest)
            return package;
        foreach (var file in PackageDownload.Needed(package.Manifest))
        {
            if (_services.Content.IsIntact(file))
                continue;
            Log.CannotServe(_services.Logger, _model, $"file {file.Path} on disk is damaged or missing; it is fetched again with the next deployment");
            File.Delete(_services.Content.Path(file.Digest));
            return null;
        }
        return package;
    }

    /// <summary>Begins what the controller wants, unless that serves already or has failed before.</summary>
    private bool TryBegin()
    {
        DesiredModel? wanted;
        lock (_lock)
            wanted = _wanted;
        if (wanted is null)
            return false;
        var isSame = _record.Digest == wanted.Digest && _record.Rollout == wanted.Rollout;
        if (_services.Serving.Package(_model)?.Digest == wanted.Digest)
        {
            if (isSame && _record.State == DeploymentState.Committed)
                return false;
            Move(DeploymentTrigger.AlreadyServing, null, record => record with { Digest = wanted.Digest, Rollout = wanted.Rollout, Previous = _slots.Current, Target = _slots.Current!.Value });
            return true;
        }
        // The same rollout does not try the same package twice: that would be a loop. Another rollout may.
        if (isSame && _record.State == DeploymentState.RolledBack && !_record.WasSuperseded)
            return false;
        _progress = 0;
        Move(DeploymentTrigger.Requested, null, record => record with { Digest = wanted.Digest, Rollout = wanted.Rollout, Previous = _slots.Current, Target = _slots.Inactive });
        return true;
    }

    private async Task<StepResult> ActAsync(CancellationToken cancellation)
    {
        var record = _record;
        using var step = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        lock (_lock)
        {
            if (_isWantKnown && _wanted?.Digest != record.Digest && DeploymentTable.MayBeSuperseded(record.State))
                return Superseded();
            _step = step;
        }
        try
        {
            return record.State switch
            {
                DeploymentState.Downloading => await _steps.DownloadAsync(record, OnProgress, step.Token),
                DeploymentState.Verifying => _steps.Verify(record),
                DeploymentState.Staged => _steps.Stage(record),
                DeploymentState.Trial => await _steps.TrialAsync(record, step.Token),
                DeploymentState.Activating => _steps.Activate(record),
                DeploymentState.Probation => await _steps.ProbationAsync(record, cancellation),
                _ => throw new InvalidOperationException($"nothing is done in {record.State}"),
            };
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && step.IsCancellationRequested)
        {
            return Superseded();
        }
        catch (PackageRefusedException e)
        {
            return StepResult.Failed($"{JsonNamingPolicy.KebabCaseLower.ConvertName(e.Refusal.ToString())}: {e.Message}");
        }
        catch (Exception e) when (e is ModelUnusableException or BlobUnavailableException or NoSpaceException)
        {
            return StepResult.Failed(e.Message);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return StepResult.Failed($"{record.State}: {e.Message.ReplaceLineEndings(" ")}");
        }
        finally
        {
            lock (_lock)
                _step = null;
        }
    }

    private async Task BenchmarkAsync(CancellationToken cancellation)
    {
        using var step = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        lock (_lock)
            _step = step;
        try
        {
            if (_services.Serving.Package(_model) is { } package)
                _services.Events.Add(await _services.Benchmark.RunAsync(package, BenchmarkPhase.Serving, step.Token));
            Update(record => record with { BenchmarkDue = false });
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // A deployment goes first; the benchmark stays due.
        }
        catch (ModelUnusableException e)
        {
            Log.CannotServe(_services.Logger, _model, e.Message);
            Update(record => record with { BenchmarkDue = false });
        }
        finally
        {
            lock (_lock)
                _step = null;
        }
    }

    private StepResult Superseded()
    {
        lock (_lock)
            return new StepResult(DeploymentTrigger.Superseded, _wanted is { } wanted ? $"superseded by {wanted.Digest}" : "no longer wanted by the controller");
    }

    /// <summary>Writes the next state down, tells of it, and only then lets it be acted on.</summary>
    /// <param name="trigger">What happened.</param>
    /// <param name="reason">Why, for a rollback.</param>
    /// <param name="begin">Names the package of a new deployment in the same write: state and package never disagree.</param>
    private void Move(DeploymentTrigger trigger, string? reason, Func<DeploymentRecord, DeploymentRecord>? begin = null)
    {
        var next = DeploymentTable.Next(_record.State, trigger)
            ?? throw new InvalidOperationException($"{trigger} does not apply in {_record.State}");
        Update(record => (begin?.Invoke(record) ?? record) with
        {
            From = record.State,
            State = next,
            Reason = reason,
            Starts = 0,
            BytesAtStart = 0,
            EventDue = true,
            WasSuperseded = trigger == DeploymentTrigger.Superseded,
            BenchmarkDue = record.BenchmarkDue || trigger == DeploymentTrigger.ProbationPassed,
        });
        Log.Moved(_services.Logger, _model, _record.From, _record.State, reason is null ? "" : ": " + reason);
        Tell();
        _changed();
        FaultPoint.Reach(next);
    }

    /// <summary>Puts the event of the last transition into the spool; after a crash in between it may be there twice.</summary>
    private void Tell()
    {
        if (!_record.EventDue || _record.Digest is not { } digest)
            return;
        _services.Events.Add(new DeploymentEvent(_model, _record.Rollout, digest, _record.From, _record.State, _record.Reason));
        Update(record => record with { EventDue = false });
    }

    private void Update(Func<DeploymentRecord, DeploymentRecord> change)
    {
        lock (_lock)
        {
            var next = change(_record);
            next.Save(_recordPath);
            _record = next;
        }
    }

    private void OnProgress(double share)
    {
        lock (_lock)
        {
            _progress = Math.Max(_progress, share);
            if (_progress - _progressTold is > -0.1 and < 0.1 && _progress < 1)
                return;
            _progressTold = _progress;
        }
        _changed();
    }
}
