using EdgeAgent.Compression.Family;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Compression.Reporting;

/// <summary>A board that the family was made for.</summary>
/// <param name="Activations">Format of the quantized activations: u8, s8 or symmetric.</param>
/// <param name="Budgets">That the students were chosen within; null members do not limit.</param>
/// <param name="CostSource">Where the latencies come from: published, or fitted to reports of devices.</param>
/// <param name="CostMedianError">Median relative error of a fitted cost model; null where unknown.</param>
/// <param name="ActiveW">Power with one thread busy: energies are latency times this.</param>
/// <param name="TeacherUs">Latency of the teacher in float32, predicted, one thread.</param>
/// <param name="TeacherMj">Its energy.</param>
/// <param name="Label">What must be said with the figures: <c>format only, not executed</c> for accelerators that cannot be run here; else null.</param>
public sealed record ProfileReport(
    string Id, string Name, string Core, EngineKind Engine, string Activations, int ChannelMultiple, ProfileBudgets Budgets, CostSource CostSource, double? CostMedianError, double ActiveW, double TeacherUs, double TeacherMj, string? Label)
{
    public static ProfileReport Of(ProfileTarget target, GraphSpec teacher)
    {
        var (profile, us) = (target.Profile, FamilyPlanner.PredictUs(target.Float32, teacher, bytesPerElement: 4));
        return new ProfileReport(
            profile.Id, profile.Name, profile.Cpu.Core, profile.Int8.Engine, NameOf(profile.Int8.Activations), profile.Int8.ChannelMultiple, target.Budgets,
            target.Int8.Source, target.Int8.MedianError, target.Int8.ActiveW, us, target.Float32.EstimateMj(us), profile.Int8.Accelerator == "none" ? null : NotExecuted);
    }

    internal const string NotExecuted = "format only, not executed";

    internal static string NameOf(ActivationFormat format) => format switch
    {
        ActivationFormat.U8 => "u8",
        ActivationFormat.S8 => "s8",
        _ => "symmetric",
    };
}
