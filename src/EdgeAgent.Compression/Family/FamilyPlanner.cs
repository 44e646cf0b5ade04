using System.Globalization;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;

namespace EdgeAgent.Compression.Family;

/// <summary>
/// Chooses the students of every profile: file sizes on a geometric ladder, or those that were asked for, each as wide as the size, the profile's budgets
/// and its cost model allow. Profiles that come to the same shape share one student, so that several boards cost little more
/// than one.
/// </summary>
/// <remarks>
/// Where mobile blocks may be chosen, each size has a candidate of them too, within the same size and the latency budget, or, without
/// one, the latency that the slice has: it costs nowhere more than the slice that it would replace. If it is nowhere wider than the
/// slice, it is contained in it, for a separable block is a full convolution of which each input channel has one filter, and the
/// slice stays. If no slice is within the budgets and it is, it is taken. Otherwise it has more channels of poorer layers, and
/// no formula says what they are worth: both are trained a little, and measured (<see cref="BlockTrial"/>).
/// </remarks>
public static class FamilyPlanner
{
    /// <summary>Largest and smallest student of a large teacher, in times smaller than its file; the middle of three is then 98 times smaller.</summary>
    private const double LargestRatio = 44, SmallestRatio = 220;

    /// <summary>Students of a ladder that spans less would hardly differ.</summary>
    private const double ShortestSpan = 2;

    /// <summary>The candidates for every size of every profile, with names that are unique in the family.</summary>
    /// <param name="teacherBytes">Size of the teacher's file.</param>
    /// <param name="students">So many on the ladder, where <paramref name="times"/> is empty.</param>
    /// <param name="times">How many times smaller than the teacher's file each is at least.</param>
    /// <param name="taper">See <see cref="ShapeCatalogue.Taper"/>.</param>
    public static IReadOnlyList<Rung> Rungs(TrainableTeacher teacher, IReadOnlyList<ProfileTarget> targets, long teacherBytes, int students, IReadOnlyList<double> times, double taper, BlockChoice blocks)
    {
        List<Rung> rungs = [.. targets.SelectMany(t => new Ladder(teacher, t, teacherBytes, students, times, taper).Rungs(blocks))];
        var named = new List<StudentShape>();
        foreach (var candidate in Candidates(rungs).OrderByDescending(c => c.Shape.Width))
            if (!named.Exists(candidate.Shape.IsSame))
                named.Add(candidate.Shape with { Name = NameOf(candidate.Shape, named) });
        RungCandidate? Named(RungCandidate? c) => c is null ? null : c with { Shape = named.Find(c.Shape.IsSame)! };
        return [.. rungs.Select(r => r with { Sliced = Named(r.Sliced), Mobile = Named(r.Mobile) })];
    }

    /// <param name="judge">Decides the rungs that the cost model leaves open.</param>
    public static FamilyPlan Plan(IReadOnlyList<Rung> rungs, Func<Rung, (BlockKind Blocks, string Ruling)> judge)
    {
        var chosen = rungs.Select(r =>
        {
            var (blocks, ruling) = r.Ruled is { } ruled ? (ruled, r.Ruling) : judge(r);
            return (r.Profile, Candidate: r.Of(blocks), Reason: ruling.Length == 0 ? r.Of(blocks).Bound : $"{r.Of(blocks).Bound}; {ruling}");
        }).ToArray();
        StudentShape[] shapes = [.. chosen.OrderByDescending(c => c.Candidate.Cost.OnnxBytes).ThenByDescending(c => c.Candidate.Shape.Width).Select(c => c.Candidate.Shape).DistinctBy(s => s.Name)];
        var byProfile = chosen.GroupBy(c => c.Profile).ToDictionary(g => g.Key, g => (IReadOnlyList<PlannedStudent>)
            [.. g.Select(c => new PlannedStudent(Array.FindIndex(shapes, s => s.Name == c.Candidate.Shape.Name), c.Reason)).DistinctBy(s => s.Shape).OrderBy(s => s.Shape)]);
        return new FamilyPlan(shapes, byProfile);
    }

    public static IEnumerable<RungCandidate> Candidates(IEnumerable<Rung> rungs) =>
        rungs.SelectMany(r => (RungCandidate?[])[r.Sliced, r.Mobile]).OfType<RungCandidate>();

    /// <summary>Latency of a student on a profile in microseconds, one thread.</summary>
    public static double PredictUs(CostModel model, GraphSpec student, int bytesPerElement) =>
        model.PredictUs(OperatorCosts.Of(Simplification.ForQuantization(student), bytesPerElement));

    private static string NameOf(StudentShape shape, List<StudentShape> taken)
    {
        var name = string.Create(CultureInfo.InvariantCulture, $"{(shape.Blocks == BlockKind.Mobile ? 'm' : 'w')}{shape.Width:0.000}");
        var unique = name;
        for (var i = 2; taken.Exists(t => t.Name == unique); i++)
            unique = string.Create(CultureInfo.InvariantCulture, $"{name}-{i}");
        return unique;
    }

    /// <summary>The sizes of one profile.</summary>
    private sealed class Ladder(TrainableTeacher teacher, ProfileTarget target, long teacherBytes, int students, IReadOnlyList<double> times, double taper)
    {
        private readonly ShapeCatalogue _sliced = Catalogue(teacher, target, BlockKind.Sliced);
        private readonly ShapeCatalogue? _mobile = teacher.Mobile is null ? null : Catalogue(teacher, target, BlockKind.Mobile);

        public IEnumerable<Rung> Rungs(BlockChoice blocks)
        {
            double[] sizes = times.Count > 0 ? [.. times.Order().Select(t => teacherBytes / t)] : Sizes(blocks == BlockChoice.Mobile && _mobile is not null ? _mobile : _sliced);
            return sizes.Select((bytes, i) => At(new Limit(Text($"size {i + 1} of {sizes.Length} ({bytes / 1000:0} kB)"), (cost, _) => cost.OnnxBytes <= bytes * (1 + 1e-9)), blocks));
        }

        /// <summary>The ladder, in bytes.</summary>
        private double[] Sizes(ShapeCatalogue catalogue)
        {
            var narrowest = catalogue.Cost(catalogue.At(0, taper)).OnnxBytes;
            // A small teacher has no students 200 times smaller; the ladder then begins at the narrowest there is.
            var low = Math.Max(teacherBytes / SmallestRatio, narrowest);
            var high = Math.Max(teacherBytes / LargestRatio, Math.Min(teacherBytes / 8.0, low * SmallestRatio / LargestRatio));
            // An eighth of a very small teacher's file leaves no room above that.
            if (high < low * ShortestSpan)
                high = Math.Max(high, Math.Min(catalogue.Cost(catalogue.Whole).OnnxBytes, low * SmallestRatio / LargestRatio));
            return [.. Enumerable.Range(0, students).Select(i => students == 1 ? Math.Sqrt(low * high) : high * Math.Pow(low / high, (double)i / (students - 1)))];
        }

        private Rung At(Limit size, BlockChoice blocks)
        {
            Limit[] limits = [size, .. Budgets()];
            if (_mobile is null || blocks == BlockChoice.Sliced)
                return new Rung(target.Profile.Id, Candidate(_sliced, limits), null, BlockKind.Sliced, blocks == BlockChoice.Sliced ? "" : "no full convolution that mobile blocks could replace");
            if (blocks == BlockChoice.Mobile)
                return new Rung(target.Profile.Id, null, Candidate(_mobile, limits), BlockKind.Mobile, "mobile blocks were asked for");
            var sliced = Candidate(_sliced, limits);
            if (target.Budgets.MaxLatencyMs is null)
                limits = [.. limits, new Limit(Text($"the latency of {sliced.PredictedUs / 1000:0.###} ms that a slice of the teacher has"), (_, us) => us() <= sliced.PredictedUs)];
            var mobile = Candidate(_mobile, limits);
            var (ruled, ruling) = Rule(sliced, mobile);
            return new Rung(target.Profile.Id, sliced, mobile, ruled, ruling);
        }

        private (BlockKind? Ruled, string Ruling) Rule(RungCandidate sliced, RungCandidate mobile)
        {
            if (!mobile.Fits)
                return (BlockKind.Sliced, "no mobile blocks are as cheap");
            if (!sliced.Fits)
                return (BlockKind.Mobile, "no slice of the teacher is within the budgets");
            var widths = Widths(sliced.Shape);
            return Widths(mobile.Shape).Any(w => widths.TryGetValue(w.Key, out var channels) && w.Value > channels)
                ? (null, "")
                : (BlockKind.Sliced, "mobile blocks at its cost are no wider, and full convolutions of the same width can do all that they can");
        }

        /// <summary>Channels that each convolution of a student writes.</summary>
        private Dictionary<string, int> Widths(StudentShape shape)
        {
            var graph = teacher.Narrowed(shape);
            return graph.Nodes.Where(n => n.Op is Conv).ToDictionary(n => n.Output, n => graph.Constants[n.Inputs[1]].Shape[0]);
        }

        private RungCandidate Candidate(ShapeCatalogue catalogue, Limit[] limits)
        {
            var predicted = new Dictionary<string, double>();
            double Us(StudentShape shape)
            {
                var key = string.Join(',', shape.Counts);
                return predicted.TryGetValue(key, out var us) ? us : predicted[key] = PredictUs(target.Int8, teacher.Narrowed(shape), bytesPerElement: 1);
            }
            Limit[] Exceeded(StudentShape shape, ShapeCost cost)
            {
                var us = new Lazy<double>(() => Us(shape));
                return [.. limits.Where(l => !l.Holds(cost, () => us.Value))];
            }
            bool Fits(StudentShape shape, ShapeCost cost)
            {
                var us = new Lazy<double>(() => Us(shape));
                return Array.TrueForAll(limits, l => l.Holds(cost, () => us.Value));
            }
            var (shape, next) = catalogue.Widest(Fits, taper);
            var cost = catalogue.Cost(shape);
            var exceeded = Exceeded(shape, cost);
            var bound = exceeded.Length > 0 ? $"the narrowest there is, and still over {Names(exceeded)}"
                : next is null ? "as wide as the teacher"
                : $"the widest within {Names(Exceeded(next, catalogue.Cost(next)))}";
            return new RungCandidate(shape, cost, Us(shape), exceeded.Length == 0, bound);
        }

        private IEnumerable<Limit> Budgets()
        {
            if (target.Budgets.MaxModelBytes is { } bytes)
                yield return new Limit(Text($"the size budget of {bytes / 1000.0:0.#} kB"), (cost, _) => cost.OnnxBytes <= bytes);
            if (target.Budgets.MaxLatencyMs is { } ms)
                yield return new Limit(Text($"the latency budget of {ms:0.###} ms"), (_, us) => us() / 1000 <= ms);
            if (target.Budgets.MaxEnergyMj is { } mj)
                yield return new Limit(Text($"the energy budget of {mj:0.###} mJ"), (_, us) => target.Int8.EstimateMj(us()) <= mj);
        }

        private static ShapeCatalogue Catalogue(TrainableTeacher teacher, ProfileTarget target, BlockKind blocks) =>
            new(teacher.Model(blocks).Graph, teacher.Model(blocks).Groups, target.Profile.Int8.ChannelMultiple, blocks);

        private static string Names(Limit[] limits) => string.Join(" and ", limits.Select(l => l.Name));

        private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

        /// <param name="Holds">Of a cost, and a latency in microseconds where it is needed: predicting one takes time.</param>
        private sealed record Limit(string Name, Func<ShapeCost, Func<double>, bool> Holds);
    }
}
