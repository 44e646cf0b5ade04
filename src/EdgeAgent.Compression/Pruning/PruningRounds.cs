using System.Globalization;
using EdgeAgent.Compression.Data;
using EdgeAgent.Compression.Distillation;
using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Pruning;

/// <summary>What a round leaves.</summary>
/// <param name="Graph">With its batch-norms.</param>
/// <param name="Dense">The same before single weights were set to zero; null where none were.</param>
public sealed record RoundResult(PruningRound Report, GraphSpec Graph, GraphSpec? Dense, TrainingReport Training)
{
    public string Describe() => string.Create(CultureInfo.InvariantCulture,
        $"{Report.Parameters} parameters, {Report.Macs / 1e6:0.0} MMAC; top-1 {Report.PrunedTop1 * 100:0.0} % as cut, {Report.ReestimatedTop1 * 100:0.0} % with statistics measured anew, {Report.RecoveredTop1 * 100:0.0} % after {Report.Epochs:0.0} epochs");
}

/// <summary>
/// One round ranks all channels, removes the least important together with everything that depends on them, measures
/// batch-norm statistics anew, and recovers with the teacher's answers.
/// </summary>
internal sealed class PruningRounds(
    PruningOptions options, RunInputs inputs, TeacherTargets answers, PruningPlan plan, Func<string, Trainer> trainer, RunClock clock, CancellationToken cancellation)
{
    private const int TaylorBatches = 32, TaylorBatchSize = 64, JudgedImages = 2000;

    /// <summary>Peak rate of recovery at a batch of 256: the weights are near where they shall be.</summary>
    private const double PeakRate = 0.05, RateBatch = 256, Decay = 5e-4, Clip = 5;

    /// <summary>The last round recovers this many times as long as another one.</summary>
    private const double LastShare = 3;

    /// <summary>The measure as a function of the channels kept.</summary>
    public static Func<IReadOnlyList<int>, long> CostOf(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, PruningMeasure measure)
    {
        var costs = new ChannelCosts(graph, groups);
        return measure == PruningMeasure.Macs ? costs.Macs : costs.Parameters;
    }

    /// <param name="round">From 0.</param>
    /// <param name="wide">The round before's model, with its batch-norms.</param>
    /// <param name="target">Largest cost of the pruned one.</param>
    public RoundResult Run(int round, GraphSpec wide, double target)
    {
        var (graph, groups, channels) = Prune(wide, target);
        var costs = new ChannelCosts(graph, groups);
        StudentShape shape = new("pruned", 1, [.. groups.Select(g => g.Size)]);
        using var weights = new StudentWeights(WeightScaling.Apply(graph), groups, [shape]);
        var last = round == options.Rounds - 1;

        var pruned = Top1(weights);
        BatchNormStatistics.Measure(weights, 0, inputs.Training, plan.BatchSize, TorchRuntime.HasBfloat16, cancellation);
        var reestimated = Top1(weights);
        var dense = last && options.Sparsity > 0 ? weights.Extract(0) : null;
        using var zeros = dense is null ? null : ZeroWeights.Smallest(weights.Trained, options.Sparsity);

        var trainee = JointStudents.Of(weights, new DistillationLoss(options.Distillation), TorchRuntime.HasBfloat16);
        var pass = $"recover-{round + 1}";
        var report = trainer(pass).Run(
            zeros is null ? trainee : zeros.Around(trainee), inputs.Training, answers,
            new TrainingPlan(pass, plan.BatchSize, new OneCycle(PeakRate * Math.Min(1, plan.BatchSize / RateBatch), Rise: 0.1), Decay, Clip, Deadline(round), Steps(round)) { HeldOut = HeldOut(weights) },
            options.Resume, plan.StepSeconds, plan.TeacherSeconds, cancellation);
        zeros?.Apply();
        BatchNormStatistics.Measure(weights, 0, inputs.Training, plan.BatchSize, TorchRuntime.HasBfloat16, cancellation);
        var counts = shape.Counts;
        return new RoundResult(new PruningRound(costs.Parameters(counts), costs.Macs(counts), pruned, reestimated, Top1(weights), report.Epochs, channels), weights.Extract(0), dense, report);
    }

    private (GraphSpec Graph, IReadOnlyList<ChannelGroup> Groups, IReadOnlyList<PrunedChannels> Channels) Prune(GraphSpec wide, double target)
    {
        var groups = ChannelDependencies.Find(wide);
        var importance = options.Criterion == PruningCriterion.Taylor
            ? ChannelImportance.Taylor(wide, groups, inputs.PlainTraining, inputs.PlainTraining.Sample(2, TaylorBatches * TaylorBatchSize, TaylorBatchSize, cancellation))
            : ChannelSelection.Relative(ChannelImportance.GroupL2(wide, groups));
        var ordered = ChannelOrdering.Apply(wide, groups, importance);
        double[][] ranked = [.. importance.Select((group, g) => groups[g].Frozen ? group : [.. group.OrderDescending()])];
        var counts = ChannelSelection.Of(groups, ranked, CostOf(wide, groups, options.Measure), target, options.ChannelMultiple);
        var graph = new Slice(groups, counts).Apply(ordered);
        return (graph, ChannelDependencies.Find(graph), [.. groups.Select((g, i) => new PrunedChannels(g.Name, g.Size, counts[i])).Where((_, i) => !groups[i].Frozen)]);
    }

    private TimeSpan Deadline(int round)
    {
        var sharesLeft = options.Rounds - 1 - round + LastShare;
        var share = round == options.Rounds - 1 ? LastShare : 1;
        return clock.Elapsed + (plan.TrainingEnd - clock.Elapsed) * (share / sharesLeft);
    }

    private long? Steps(int round) =>
        options.Steps is { } all ? Math.Max(1, (long)(all * (round == options.Rounds - 1 ? LastShare : 1) / (options.Rounds - 1 + LastShare))) : null;

    private double Top1(StudentWeights weights) =>
        TorchAccuracy.Top1(new TorchGraph(weights.Graphs[0], TorchRuntime.HasBfloat16), weights.Student(0), inputs.Validation, cancellation, JudgedImages);

    private HeldOutProbe HeldOut(StudentWeights weights) => new([Reporting.PruningPage.ModelName], Math.Min(HeldOutProbe.MostImages, inputs.Validation.Count), token =>
        [TorchAccuracy.Top1(new TorchGraph(weights.Graphs[0], TorchRuntime.HasBfloat16), weights.Student(0), inputs.Validation, token, HeldOutProbe.MostImages)]);
}
