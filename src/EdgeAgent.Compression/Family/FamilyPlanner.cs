using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Compression.Family;

/// <summary>A profile with what decides its students.</summary>
/// <param name="Int8">Predicts the quantized student's latency.</param>
/// <param name="Float32">Predicts the float student's.</param>
/// <param name="Budgets">The command line's where set, else the profile's.</param>
public sealed record ProfileTarget(DeviceProfile Profile, CostModel Int8, CostModel Float32, ProfileBudgets Budgets)
{
    public static ProfileTarget Of(DeviceProfile profile, CompressionOptions options)
    {
        var (int8, float32) = (PublishedCost.Of(profile, "int8"), PublishedCost.Of(profile, "float32"));
        if (options.CostModels.TryGetValue(profile.Id, out var fitted))
        {
            // Devices report int8; the float model keeps its published proportion to it.
            float32 = float32 with { UsPerUnit = [.. float32.UsPerUnit.Select((us, i) => int8.UsPerUnit[i] > 0 ? us * fitted.UsPerUnit[i] / int8.UsPerUnit[i] : us)] };
            int8 = fitted;
        }
        return new ProfileTarget(profile, int8, float32, options.Budgets.Over(profile.Budgets));
    }
}

/// <summary>Which students a family has, and which of them each profile gets.</summary>
/// <param name="Shapes">Distinct shapes, largest first.</param>
/// <param name="ByProfile">For each profile, positions in <paramref name="Shapes"/>.</param>
public sealed record FamilyPlan(IReadOnlyList<StudentShape> Shapes, IReadOnlyDictionary<string, IReadOnlyList<int>> ByProfile);

/// <summary>
/// Chooses the students of every profile: file sizes on a geometric ladder, each as wide as the size, the profile's budgets
/// and its cost model allow. Profiles that come to the same shape share one student, so that several boards cost little more
/// than one.
/// </summary>
public static class FamilyPlanner
{
    /// <summary>Largest and smallest student of a large teacher, in times smaller than its file; the middle of three is then 98 times smaller.</summary>
    private const double LargestRatio = 44, SmallestRatio = 220;

    /// <param name="teacherBytes">Size of the teacher's file.</param>
    /// <param name="taper">See <see cref="ShapeCatalogue.Taper"/>.</param>
    public static FamilyPlan Plan(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, IReadOnlyList<ProfileTarget> targets, long teacherBytes, int students, double taper)
    {
        var wanted = targets.ToDictionary(t => t.Profile.Id, t => Shapes(graph, groups, t, teacherBytes, students, taper));
        var distinct = new List<StudentShape>();
        foreach (var shape in wanted.Values.SelectMany(s => s).OrderByDescending(s => s.Width))
            if (!distinct.Exists(d => d.Counts.SequenceEqual(shape.Counts)))
                distinct.Add(shape with { Name = Name(shape, distinct) });
        return new FamilyPlan(distinct, wanted.ToDictionary(w => w.Key, w => (IReadOnlyList<int>)
            [.. w.Value.Select(s => distinct.FindIndex(d => d.Counts.SequenceEqual(s.Counts))).Distinct().Order()]));
    }

    private static StudentShape[] Shapes(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, ProfileTarget target, long teacherBytes, int students, double taper)
    {
        var catalogue = new ShapeCatalogue(graph, groups, target.Profile.Int8.ChannelMultiple);
        var narrowest = catalogue.Cost(catalogue.At(0, taper)).OnnxBytes;
        // A small teacher has no students 200 times smaller; the ladder then begins at the narrowest there is.
        var low = Math.Max(teacherBytes / SmallestRatio, narrowest);
        var high = Math.Max(teacherBytes / LargestRatio, Math.Min(teacherBytes / 8.0, low * SmallestRatio / LargestRatio));
        return [.. Enumerable.Range(0, students)
            .Select(i => students == 1 ? Math.Sqrt(low * high) : high * Math.Pow(low / high, (double)i / (students - 1)))
            .Select(bytes => catalogue.Widest((shape, cost) => cost.OnnxBytes <= bytes && Fits(graph, groups, target, shape, cost), taper))];
    }

    private static bool Fits(GraphSpec graph, IReadOnlyList<ChannelGroup> groups, ProfileTarget target, StudentShape shape, ShapeCost cost)
    {
        if (cost.OnnxBytes > (target.Budgets.MaxModelBytes ?? long.MaxValue))
            return false;
        if (target.Budgets is { MaxLatencyMs: null, MaxEnergyMj: null })
            return true;
        var us = PredictUs(target.Int8, new Slice(groups, shape.Counts).Apply(graph), bytesPerElement: 1);
        return us / 1000 <= (target.Budgets.MaxLatencyMs ?? double.PositiveInfinity) && target.Int8.EstimateMj(us) <= (target.Budgets.MaxEnergyMj ?? double.PositiveInfinity);
    }

    /// <summary>Latency of a student on a profile in microseconds, one thread.</summary>
    public static double PredictUs(CostModel model, GraphSpec student, int bytesPerElement) =>
        model.PredictUs(OperatorCosts.Of(Simplification.ForQuantization(student), bytesPerElement));

    private static string Name(StudentShape shape, List<StudentShape> taken)
    {
        var name = FormattableString.Invariant($"w{shape.Width:0.000}");
        for (var i = 2; taken.Exists(t => t.Name == name); i++)
            name = FormattableString.Invariant($"w{shape.Width:0.000}-{i}");
        return name;
    }
}
