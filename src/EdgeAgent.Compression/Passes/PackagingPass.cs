using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Packaging;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;

namespace EdgeAgent.Compression.Passes;

/// <summary>A written student on one profile, accepted.</summary>
/// <param name="Reason">Why it is as it is (<see cref="PlannedStudent.Reason"/>).</param>
public sealed record Candidate(WrittenStudent Written, ProfileTarget Target, double PredictedUs, double Float32Us, long Macs, long Parameters, string Reason)
{
    public StudentCandidate AsChoice => new(Written.Student.Shape.Name, Written.Validation.Top1, Written.Plan.Length > 0 && Target.Profile.Int8.Engine == EngineKind.Int8 ? Written.Plan.Length : Written.Onnx.Length, PredictedUs, Target.Int8.EstimateMj(PredictedUs));
}

/// <summary>Which written students may ship on which profile, and which of them each profile's budgets choose.</summary>
public static class PackagingPass
{
    public static Quantized Quantized(DeviceProfile profile) => profile.Int8.Activations switch
    {
        Contracts.Devices.ActivationFormat.U8 => new(Graph.Rewrites.Quantization.ActivationFormat.UInt8),
        Contracts.Devices.ActivationFormat.S8 => new(Graph.Rewrites.Quantization.ActivationFormat.Int8),
        _ => new(Graph.Rewrites.Quantization.ActivationFormat.Int8Symmetric),
    };

    public static (IReadOnlyList<Candidate> Accepted, IReadOnlyList<RejectedStudent> Rejected) Judge(
        IReadOnlyList<WrittenStudent> written, IReadOnlyList<ProfileTarget> targets, StoredPlan plan)
    {
        var accepted = new List<Candidate>();
        var rejected = new List<RejectedStudent>();
        foreach (var target in targets)
            foreach (var (position, why) in plan.ByProfile[target.Profile.Id])
            {
                var shape = plan.Shapes[position];
                var format = Quantized(target.Profile).Format;
                var student = written.Single(w => w.Format == format && w.Student.Shape.Name == shape.Name);
                var graph = student.Student.Graph;
                var int8 = FamilyPlanner.PredictUs(target.Int8, graph, bytesPerElement: 1);
                var float32 = FamilyPlanner.PredictUs(target.Float32, graph, bytesPerElement: 4);
                if (Fault(student, target, int8, float32) is { } reason)
                {
                    rejected.Add(new RejectedStudent(shape.Name, target.Profile.Id, reason));
                    continue;
                }
                var statistics = GraphStatistics.Of(graph);
                accepted.Add(new Candidate(student, target, int8, float32, statistics.Macs, statistics.Parameters, why));
            }
        return (accepted, rejected);
    }

    public static IReadOnlyList<ProfileChoice> Choose(IReadOnlyList<Candidate> candidates) => [.. candidates
        .GroupBy(c => c.Target.Profile.Id)
        .Select(g =>
        {
            var choice = StudentChoice.Of([.. g.Select(c => c.AsChoice)], g.First().Target.Budgets);
            return new ProfileChoice(g.Key, choice.Chosen.Student, choice.Reason, choice.BindingBudget);
        })];

    private static string? Fault(WrittenStudent student, ProfileTarget target, double int8, double float32)
    {
        if (target.Profile.Int8.Engine == EngineKind.Int8 && student.PlanFault is { } fault)
            return $"the int8 engine of {target.Profile.Id} cannot run it: {fault}";
        if (!StudentFiles.Agrees(student.Agreement, student.AgreementSamples))
            return FormattableString.Invariant($"model.onnx in ONNX Runtime gives the class of the int8 simulation on {student.Agreement * 100:0.00} % of {student.AgreementSamples} images; {StudentFiles.RequiredAgreement * 100:0.0} % are required");
        if (int8 >= float32)
            return FormattableString.Invariant($"int8 would be slower than float32 on {target.Profile.Id}: {int8:0} us against {float32:0} us by the cost model");
        return null;
    }
}

/// <summary>How a profile wants its activations.</summary>
public readonly record struct Quantized(Graph.Rewrites.Quantization.ActivationFormat Format)
{
    public bool IsSymmetric => Format == Graph.Rewrites.Quantization.ActivationFormat.Int8Symmetric;
}
