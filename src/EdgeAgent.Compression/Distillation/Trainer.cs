using System.Diagnostics;
using EdgeAgent.Compression.Checkpoints;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Runtime;
using TorchSharp;
using Tensor = TorchSharp.torch.Tensor;

namespace EdgeAgent.Compression.Distillation;

/// <summary>One step's material; tensors live until the step is over.</summary>
/// <param name="Labels">[N] int64, or [N, classes] probabilities where images are mixed.</param>
/// <param name="Teacher">Logits of the frozen teacher for these pixels, or null where the pass has none.</param>
/// <param name="Progress">Share of the pass that is done, in [0, 1].</param>
public sealed record StepInput(Tensor Input, Tensor? Teacher, Tensor Labels, double Progress);

/// <summary>Something that is trained by steps.</summary>
/// <param name="Trained">What the optimizer moves.</param>
/// <param name="State">What a checkpoint must hold beyond that.</param>
/// <param name="Step">Runs forward and backward passes, so that the trained tensors have gradients; returns the loss.</param>
public sealed record Trainee(IReadOnlyList<TrainedTensor> Trained, IEnumerable<(string Name, Tensor Value)> State, Func<StepInput, double> Step);

/// <param name="Pass">Name for progress, checkpoint and report.</param>
/// <param name="Deadline">When the pass must be done, on the run's clock; ignored when <paramref name="FixedSteps"/> is given.</param>
/// <param name="FixedSteps">Trains exactly so many steps, whatever the time.</param>
public sealed record TrainingPlan(string Pass, int BatchSize, OneCycle Rate, double Decay, double Clip, TimeSpan Deadline, long? FixedSteps = null)
{
    public double Momentum { get; init; } = 0.9;

    /// <summary>What is measured on held-out images now and then; null measures nothing.</summary>
    public HeldOutProbe? HeldOut { get; init; }
}

/// <param name="Seconds">Time used, over interruptions.</param>
/// <param name="StepUs">Mean time of a step without the teacher's part.</param>
/// <param name="TeacherUs">Mean time of the teacher's forward pass in the steps that asked it.</param>
public sealed record TrainingReport(string Pass, long Steps, double Epochs, double Seconds, double StepUs, double TeacherUs, double FinalLoss, TrainingCurve Curve, IReadOnlyList<ScheduleSegment> Schedule);

/// <summary>
/// The loop that every training pass shares: batches, teacher's answers, step, learning rate, re-planning against the clock,
/// checkpoints, progress, cancellation.
/// </summary>
public sealed class Trainer(RunClock clock, TimeProvider time, IProgress<CompressionProgress> progress, string? checkpointPath, TimeSpan checkpointEvery, string fingerprint)
{
    private static readonly TimeSpan ReportEvery = TimeSpan.FromSeconds(1);

    /// <param name="targets">Keep their answers in a file of their own (<see cref="TeacherTargets.Keep"/>).</param>
    /// <param name="resume">Continues from the checkpoint at the path, if it is of this pass.</param>
    /// <param name="stepSeconds">First guess of a step's time, from calibration, for the first plan.</param>
    /// <param name="teacherSeconds">First guess of the teacher's time in a step.</param>
    public TrainingReport Run(Trainee trainee, BatchSource batches, TeacherTargets? targets, TrainingPlan plan, bool resume, double stepSeconds, double teacherSeconds, CancellationToken cancellation)
    {
        var batchSize = Math.Min(plan.BatchSize, batches.Count);
        var perEpoch = batches.Count / batchSize;
        using var optimizer = new Sgd(trainee.Trained, plan.Momentum, plan.Decay);
        var state = trainee.Trained.Select(t => (t.Name, t.Value)).Concat(trainee.State).Concat(optimizer.State).ToArray();

        long step = 0;
        Schedule schedule;
        var curve = new TrainingCurve();
        var rates = new StepRates(stepSeconds, teacherSeconds);
        if (resume && checkpointPath is not null && Checkpoint.Exists(checkpointPath) && Checkpoint.ReadHeader(checkpointPath).Pass == plan.Pass)
        {
            var header = Checkpoint.Read(checkpointPath, state);
            (step, schedule, curve) = (header.Step, new Schedule(header.Segments), new TrainingCurve(header.Curve));
        }
        else
            schedule = new Schedule(plan.FixedSteps ?? PlannedEnd(0));

        var began = Stopwatch.GetTimestamp();
        var lastCheckpoint = time.GetTimestamp();
        var lastReport = time.GetTimestamp();
        var before = curve.Seconds;
        double lossSum = 0, lastLoss = curve.LastLoss;
        long lossCount = 0, planned = step;

        foreach (var batch in step < schedule.TotalSteps ? batches.Prefetch(Plans(step), cancellation) : [])
        {
            using (var scope = torch.NewDisposeScope())
            {
                var start = Stopwatch.GetTimestamp();
                var input = batches.Tensor(batch);
                var asked = false;
                var teacher = targets?.For(batch.Plan, input, out asked);
                var answered = Stopwatch.GetTimestamp();
                var at = schedule.ProgressAt(step);
                lastLoss = trainee.Step(new StepInput(input, teacher, batches.Targets(batch), at));
                optimizer.Step(plan.Rate.RateAt(at), plan.Clip);
                rates.Add(Stopwatch.GetElapsedTime(answered).TotalSeconds, asked ? Stopwatch.GetElapsedTime(start, answered).TotalSeconds : null);
            }
            step++;
            lossSum += lastLoss;
            lossCount++;
            curve.Add(step, lastLoss, plan.Rate.RateAt(schedule.ProgressAt(step)), clock.Elapsed);
            if (plan.HeldOut is { } heldOut && step < schedule.TotalSteps && curve.IsDue(step, schedule.ProgressAt(step), heldOut.StepsBetween(batchSize)))
                curve.Add(heldOut, step, clock.Elapsed, cancellation);
            if (time.GetElapsedTime(lastReport) >= ReportEvery)
            {
                progress.Report(new CompressionProgress(plan.Pass, step, schedule.TotalSteps, Left(), lossSum / lossCount));
                (lossSum, lossCount, lastReport) = (0, 0, time.GetTimestamp());
            }
            if (plan.FixedSteps is null && step - planned >= ReplanInterval(step))
                (planned, _) = (step, Replan());
            if (step >= schedule.TotalSteps)
                break;
            if (cancellation.IsCancellationRequested || time.GetElapsedTime(lastCheckpoint) >= checkpointEvery)
            {
                Save();
                lastCheckpoint = time.GetTimestamp();
                cancellation.ThrowIfCancellationRequested();
            }
        }
        if (plan.HeldOut is { } last && curve.LastMeasured < step)
            curve.Add(last, step, clock.Elapsed, cancellation);
        Save();
        progress.Report(new CompressionProgress(plan.Pass, step, schedule.TotalSteps, Left(), lastLoss));
        return new TrainingReport(plan.Pass, step, (double)step / perEpoch, curve.Seconds, rates.Step * 1e6, rates.Teacher * 1e6, lastLoss, curve, schedule.Segments);

        IEnumerable<BatchPlan> Plans(long first)
        {
            var (epoch, order) = (-1, Array.Empty<int>());
            for (var next = first; ; next++)
            {
                if (epoch != (int)(next / perEpoch))
                    (epoch, order) = ((int)(next / perEpoch), batches.Order((int)(next / perEpoch)));
                var start = (int)(next % perEpoch) * batchSize;
                yield return new BatchPlan(next, epoch, targets?.ViewOf(epoch) ?? epoch, order[start..(start + batchSize)]);
            }
        }

        // Of the run, or where steps are given and not time, of the pass.
        TimeSpan Left() => plan.FixedSteps is null ? clock.Left : TimeSpan.FromSeconds((schedule.TotalSteps - step) * rates.Step);

        // The last step that fits before the deadline at the measured rates.
        long PlannedEnd(long from)
        {
            var left = (plan.Deadline - clock.Elapsed).TotalSeconds;
            if (targets is null)
                return from + Math.Max(1, (long)(left / rates.Step));
            if (targets.Crops == 0)
                return from + Math.Max(1, (long)(left / (rates.Step + rates.Teacher)));
            // An epoch that asks is followed by one that shows the same crops from the other side.
            var asking = targets.Unanswered / batchSize;
            var whileAsking = (long)(left / (rates.Step + rates.Teacher / targets.Sides));
            return from + Math.Max(1, whileAsking <= asking * targets.Sides ? whileAsking : (long)((left - asking * rates.Teacher) / rates.Step));
        }

        // The first plan rests on a guess and is looked at at once, early ones on few measurements; near the end little is left to be wrong about.
        long ReplanInterval(long now) => now < 8 ? 2 : Math.Max(8, Math.Min((schedule.TotalSteps - now) / 12, Math.Max(16, now / 2)));

        bool Replan()
        {
            var end = PlannedEnd(step);
            if (Math.Abs(end - schedule.TotalSteps) <= 0.02 * (schedule.TotalSteps - step))
                return false;
            schedule.Replan(step, end);
            return true;
        }

        void Save()
        {
            curve.Seconds = before + Stopwatch.GetElapsedTime(began).TotalSeconds;
            // First what the checkpoint's step has seen: killed in between, the run asks for nothing that was answered.
            targets?.Save();
            if (checkpointPath is not null)
                Checkpoint.Write(checkpointPath, new CheckpointHeader(fingerprint, plan.Pass, step, schedule.Segments, clock.Elapsed.TotalSeconds, targets?.Crops ?? 0, curve.State), state);
        }
    }

    /// <summary>Running estimates of what a step takes; the first measurements count fully, later ones smooth the noise of a shared machine.</summary>
    private sealed class StepRates(double step, double teacher)
    {
        private int _steps, _asks;

        public double Step { get; private set; } = Math.Max(1e-6, step);

        public double Teacher { get; private set; } = teacher;

        public void Add(double stepSeconds, double? teacherSeconds)
        {
            Step = Smooth(Step, stepSeconds, _steps++);
            if (teacherSeconds is { } seconds)
                Teacher = Smooth(Teacher, seconds, _asks++);
        }

        private static double Smooth(double old, double value, int count) => old + (value - old) * Math.Max(0.02, 1.0 / (count + 2));
    }
}
