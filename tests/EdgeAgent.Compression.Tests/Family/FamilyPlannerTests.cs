using EdgeAgent.Compression.Family;
using EdgeAgent.Compression.Passes;
using EdgeAgent.Compression.Runtime;
using EdgeAgent.Compression.Teacher;
using EdgeAgent.Contracts.Costs;
using EdgeAgent.Contracts.Devices;
using EdgeAgent.Graph.Import;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Tests;

namespace EdgeAgent.Compression.Tests.Family;

/// <summary>Which students a profile gets under cost models that say different things of depthwise convolutions.</summary>
public sealed class FamilyPlannerTests
{
    private const long TeacherBytes = 8_000_000;

    private static readonly Lazy<TrainableTeacher> Teacher = new(() =>
    {
        TorchRuntime.Prepare();
        var (normed, mobile) = MobileBlocksTests.Mobile(SmallResNet.Create(TestGraphs.Size, TestGraphs.Classes, width: 64, seed: 2));
        return new TrainableTeacher(normed, ChannelDependencies.Find(normed), 0) { Mobile = SliceableModel.Of(mobile) };
    });

    [Fact]
    public void Rungs_WhereDepthwiseIsCheap_HaveWiderMobileBlocksAtNoHigherCost()
    {
        var rungs = Rungs(depthwiseUs: 1);

        Assert.Equal(3, rungs.Count);
        Assert.All(rungs, r => Assert.True(r.Mobile!.Shape.Width > r.Sliced!.Shape.Width, $"{r.Mobile.Shape.Width} and {r.Sliced.Shape.Width}"));
        Assert.All(rungs, r => Assert.True(r.Mobile!.PredictedUs <= r.Sliced!.PredictedUs));
        Assert.All(rungs, r => Assert.Null(r.Ruled));
    }

    [Fact]
    public void Rungs_WhereDepthwiseIsDear_KeepSlicesWithoutATrial()
    {
        var rungs = Rungs(depthwiseUs: 50_000);

        Assert.All(rungs, r => Assert.Equal(BlockKind.Sliced, r.Ruled));
        var plan = FamilyPlanner.Plan(rungs, _ => throw new InvalidOperationException("nothing is to be tried"));
        Assert.All(plan.Shapes, s => Assert.Equal(BlockKind.Sliced, s.Blocks));
        Assert.All(plan.ByProfile["x64-gateway"], s => Assert.Contains("mobile blocks", s.Reason, StringComparison.Ordinal));
    }

    [Fact]
    public void Rungs_WhereNoSliceIsFastEnough_AreMobileBlocks()
    {
        var narrowest = Rungs(depthwiseUs: 1, new ProfileBudgets(MaxModelBytes: 1), students: 1)[0].Sliced!;
        var narrow = Rungs(depthwiseUs: 1, new ProfileBudgets(MaxLatencyMs: narrowest.PredictedUs * 0.7 / 1000), students: 1);

        var rung = Assert.Single(narrow);
        Assert.Equal(BlockKind.Mobile, rung.Ruled);
        Assert.False(rung.Sliced!.Fits);
        Assert.Contains("no slice of the teacher is within the budgets", FamilyPlanner.Plan(narrow, _ => default).ByProfile["x64-gateway"][0].Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Plan_OfWhatTrainingDecides_TakesTheJudgement()
    {
        var rungs = Rungs(depthwiseUs: 1);
        var taken = rungs[1].Mobile!.Shape.Name;
        var plan = FamilyPlanner.Plan(rungs, r => r.Mobile!.Shape.Name == taken ? (BlockKind.Mobile, "it was better") : (BlockKind.Sliced, "it was not"));

        Assert.Equal(3, plan.Shapes.Count);
        Assert.Equal(taken, Assert.Single(plan.Shapes, s => s.Blocks == BlockKind.Mobile).Name);
        Assert.StartsWith("m", taken, StringComparison.Ordinal);
        Assert.EndsWith("; it was better", plan.ByProfile["x64-gateway"].Single(s => plan.Shapes[s.Shape].Name == taken).Reason, StringComparison.Ordinal);
        Assert.Equal(plan.Shapes.Count, plan.Shapes.DistinctBy(s => s.Name).Count());
    }

    [Theory]
    [InlineData(null, null, null, "the widest within size 1 of 1")]
    [InlineData(0.5, null, null, "the widest within the latency budget")]
    [InlineData(null, 0.5, null, "the widest within the size budget")]
    [InlineData(null, null, 0.5, "the widest within the energy budget")]
    [InlineData(null, 0.0, null, "the narrowest there is, and still over the size budget")]
    public void Reason_OfASlice_NamesWhatBindsItsWidth(double? latency, double? size, double? energy, string reason)
    {
        var free = Assert.Single(Rungs(1, students: 1, blocks: BlockChoice.Sliced)).Sliced!;
        var target = Target(1, new ProfileBudgets());
        var budgets = new ProfileBudgets(latency * free.PredictedUs / 1000, (long?)(size * free.Cost.OnnxBytes), energy * target.Int8.EstimateMj(free.PredictedUs));

        var bound = Assert.Single(Rungs(1, budgets, students: 1, blocks: BlockChoice.Sliced)).Sliced!;

        Assert.StartsWith(reason, bound.Bound, StringComparison.Ordinal);
        Assert.Equal(latency is null && size is null && energy is null, bound.Shape.IsSame(free.Shape));
    }

    [Theory]
    [InlineData(100, 70, BlockKind.Mobile)]
    [InlineData(100, 95, BlockKind.Sliced)]
    [InlineData(70, 100, BlockKind.Sliced)]
    [InlineData(0, 0, BlockKind.Sliced)]
    public void Judge_TakesMobileBlocksOnlyIfTheyAreBetterBeyondChance(int onlyMobile, int onlySliced, BlockKind expected)
    {
        bool[] mobile = [.. Enumerable.Range(0, 1000).Select(i => i < 500 + onlyMobile)];
        bool[] sliced = [.. Enumerable.Range(0, 1000).Select(i => i < 500 || i >= 1000 - onlySliced)];

        var (blocks, ruling) = BlockTrial.Judge(sliced, mobile, steps: 10);

        Assert.Equal(expected, blocks);
        Assert.Contains("10 steps", ruling, StringComparison.Ordinal);
    }

    [Fact]
    public void Rungs_OfSizesThatWereAskedFor_AreTheWidestOfEachLargestFirst()
    {
        double[] times = [60, 20];

        var rungs = Rungs(1, students: 3, blocks: BlockChoice.Sliced, times: times);

        Assert.Equal(2, rungs.Count);
        Assert.All(rungs.Zip([20, 60]), r => Assert.InRange(r.First.Sliced!.Cost.OnnxBytes, TeacherBytes / r.Second * 0.8, TeacherBytes / r.Second));
        Assert.Equal("the widest within size 1 of 2 (400 kB)", rungs[0].Sliced!.Bound);
    }

    /// <summary>Wide groups keep fewer channels than narrow ones, and all of them in the end.</summary>
    [Fact]
    public void Rungs_OfASizeThatTheWholeModelFits_AreTheWholeModel()
    {
        var rung = Assert.Single(Rungs(1, students: 1, blocks: BlockChoice.Sliced, times: [1.0001]));

        Assert.Equal(Teacher.Value.Groups.Select(g => g.Size), rung.Sliced!.Shape.Counts);
        Assert.Equal(("as wide as the teacher", "w1.000"), (rung.Sliced.Bound, rung.Sliced.Shape.Name));
        // A little less than all of it is more than what wide groups have where narrow ones are whole.
        var whole = rung.Sliced.Cost.OnnxBytes;
        var less = Assert.Single(Rungs(1, students: 1, blocks: BlockChoice.Sliced, times: [TeacherBytes / (whole * 0.97)])).Sliced!;
        Assert.InRange(less.Cost.OnnxBytes, whole * 0.8, whole * 0.97);
        Assert.StartsWith("the widest within size 1 of 1", less.Bound, StringComparison.Ordinal);
    }

    /// <summary>The narrowest student there is may be larger than an eighth of a small teacher's file.</summary>
    [Theory]
    [InlineData(6)]
    [InlineData(7.9)]
    public void Rungs_OfATeacherThatLeavesNoRoomBelowAnEighth_AreStudentsOfDifferentSizes(double narrowest)
    {
        var floor = FamilyPlanner.Rungs(Teacher.Value, [Target(1, new ProfileBudgets(MaxModelBytes: 1))], TeacherBytes, 1, [], ShapeCatalogue.Taper, BlockChoice.Sliced)[0].Sliced!.Cost.OnnxBytes;

        var rungs = FamilyPlanner.Rungs(Teacher.Value, [Target(1, new ProfileBudgets())], (long)(floor * narrowest), 3, [], ShapeCatalogue.Taper, BlockChoice.Sliced);

        Assert.Equal(3, rungs.Select(r => r.Sliced!.Shape.Name).Distinct().Count());
        Assert.Equal(floor, rungs[^1].Sliced!.Cost.OnnxBytes);
    }

    /// <summary>The default ladder's students, and those of the sizes that the README's figures are for.</summary>
    [Theory]
    [InlineData(new double[0], "w0.310 w0.203 w0.131")]
    [InlineData(new double[] { 24, 94, 250, 500 }, "w0.420 w0.207 w0.122 w0.078")]
    public void Rungs_OfResNet18_AreTheSameForBoardsOfOneMultiple(double[] times, string names)
    {
        var path = Repository.Shared("models", "cifar10_resnet18.onnx");
        var graph = Simplification.Apply(ModelImporter.Load(path));
        var teacher = new TrainableTeacher(graph, ChannelDependencies.Find(graph), 0);
        IReadOnlyList<ProfileTarget> targets = [.. ((string[])["raspberry-pi-4", "raspberry-pi-5", "x64-gateway"]).Select(id => ProfileLoader.LoadById(Repository.FirmwareProfiles, id)).Select(p => new ProfileTarget(p, PublishedCost.Of(p, "int8"), PublishedCost.Of(p, "float32"), new ProfileBudgets()))];

        var rungs = FamilyPlanner.Rungs(teacher, targets, new FileInfo(path).Length, 3, times, ShapeCatalogue.Taper, BlockChoice.Sliced);

        Assert.Equal(names.Split(' '), rungs.Select(r => r.Sliced!.Shape.Name).Distinct());
        // At a taper for all of them, the smallest would have 8 channels where images are largest.
        Assert.All(rungs, r => Assert.All(teacher.Groups.Zip(r.Sliced!.Shape.Counts).Where(g => !g.First.Frozen), g => Assert.InRange(g.Second, 16, g.First.Size)));
    }

    /// <summary>A multiple of channels more in any group, and the student would be too large.</summary>
    [Theory]
    [InlineData(20)]
    [InlineData(90)]
    [InlineData(250)]
    public void Rungs_OfASize_LeaveNoneOfItUnused(double times)
    {
        var shape = Assert.Single(Rungs(1, students: 1, blocks: BlockChoice.Sliced, times: [times])).Sliced!.Shape;

        var groups = Teacher.Value.Groups;
        var multiple = ProfileLoader.LoadById(Repository.FirmwareProfiles, "x64-gateway").Int8.ChannelMultiple;
        var catalogue = new ShapeCatalogue(Teacher.Value.Graph, groups, multiple);
        for (var g = 0; g < groups.Count; g++)
        {
            if (groups[g].Frozen || shape.Counts[g] == groups[g].Size)
                continue;
            int[] wider = [.. shape.Counts];
            wider[g] = Math.Min(groups[g].Size, wider[g] + multiple);
            Assert.InRange(catalogue.Cost(shape with { Counts = wider }).OnnxBytes, TeacherBytes / times, double.MaxValue);
        }
        Assert.InRange(catalogue.Cost(shape).OnnxBytes, 0, TeacherBytes / times);
    }

    [Fact]
    public void Rungs_OfATeacherWithoutFullConvolutions_AreSlices()
    {
        var teacher = Teacher.Value with { Mobile = null };
        var rungs = FamilyPlanner.Rungs(teacher, [Target(1, new ProfileBudgets())], TeacherBytes, 2, [], ShapeCatalogue.Taper, BlockChoice.Mobile);
        Assert.All(rungs, r => Assert.Equal(BlockKind.Sliced, r.Ruled));
    }

    private static IReadOnlyList<Rung> Rungs(double depthwiseUs, ProfileBudgets? budgets = null, int students = 3, BlockChoice blocks = BlockChoice.Auto, double[]? times = null) =>
        FamilyPlanner.Rungs(Teacher.Value, [Target(depthwiseUs, budgets ?? new ProfileBudgets())], TeacherBytes, students, times ?? [], ShapeCatalogue.Taper, blocks);

    private static ProfileTarget Target(double depthwiseUs, ProfileBudgets budgets)
    {
        var profile = ProfileLoader.LoadById(Repository.FirmwareProfiles, "x64-gateway");
        var model = Costs(profile, depthwiseUs);
        return new ProfileTarget(profile, model, model, budgets);
    }

    /// <summary>Microseconds for a million MACs: 100 in full and 1x1 convolutions, and what is given in depthwise ones; nothing else costs anything.</summary>
    internal static CostModel Costs(DeviceProfile profile, double depthwiseUs)
    {
        var model = PublishedCost.Of(profile);
        var us = model.UsPerUnit.Select(_ => 0.0).ToArray();
        us[(int)CostTerm.FirstMacs] = us[(int)CostTerm.ConvMacs] = us[(int)CostTerm.PointwiseMacs] = us[(int)CostTerm.DenseMacs] = 100;
        us[(int)CostTerm.DepthwiseMacs] = depthwiseUs;
        return model with { UsPerUnit = us };
    }
}
