import { createRouter, createWebHistory, type RouteRecordRaw } from 'vue-router'

const id = (value: unknown): number => Number(value)

export const routes: RouteRecordRaw[] = [
  { path: '/', name: 'overview', component: () => import('@/app/overview/views/OverviewView.vue'), meta: { title: 'nav.overview' } },
  {
    path: '/services',
    name: 'services',
    component: () => import('@/app/services/views/ServicesView.vue'),
    meta: { title: 'nav.services' },
  },
  {
    path: '/services/:id(\\d+)',
    name: 'service',
    component: () => import('@/app/services/views/ServiceView.vue'),
    props: (route) => ({ id: id(route.params.id) }),
    meta: { title: 'nav.services', under: 'services' },
  },
  {
    path: '/services/:id(\\d+)/rules',
    name: 'rules',
    component: () => import('@/app/changes/views/RulesView.vue'),
    props: (route) => ({ id: id(route.params.id) }),
    meta: { title: 'changes.title', under: 'services' },
  },
  {
    path: '/rollouts/:id(\\d+)',
    name: 'rollout',
    component: () => import('@/app/rollouts/views/RolloutView.vue'),
    props: (route) => ({ id: id(route.params.id) }),
    meta: { title: 'nav.rollout', under: 'services' },
  },
  {
    path: '/trains',
    name: 'trains',
    component: () => import('@/app/trains/views/TrainsView.vue'),
    meta: { title: 'nav.trains' },
  },
  {
    path: '/trains/new',
    name: 'train-new',
    component: () => import('@/app/trains/views/NewTrainView.vue'),
    meta: { title: 'trains.new.title', under: 'trains' },
  },
  {
    path: '/trains/:id(\\d+)',
    name: 'train',
    component: () => import('@/app/trains/views/TrainView.vue'),
    props: (route) => ({ id: id(route.params.id) }),
    meta: { title: 'nav.trains', under: 'trains' },
  },
  {
    path: '/experiments',
    name: 'experiments',
    component: () => import('@/app/experiments/views/ExperimentsView.vue'),
    meta: { title: 'nav.experiments' },
  },
  {
    path: '/experiments/:id(\\d+)',
    name: 'experiment',
    component: () => import('@/app/experiments/views/ExperimentView.vue'),
    props: (route) => ({ id: id(route.params.id) }),
    meta: { title: 'nav.experiments', under: 'experiments' },
  },
  {
    path: '/calendar',
    name: 'calendar',
    component: () => import('@/app/calendar/views/CalendarView.vue'),
    meta: { title: 'nav.calendar' },
  },
  { path: '/audit', name: 'audit', component: () => import('@/app/audit/views/AuditView.vue'), meta: { title: 'nav.audit' } },
  { path: '/:rest(.*)*', name: 'missing', component: () => import('@/app/shell/MissingView.vue'), meta: { title: 'missing.title' } },
]

declare module 'vue-router' {
  interface RouteMeta {
    title: string
    /** The entry of the navigation under which a page without an entry of its own stands. */
    under?: string
  }
}

export const router = createRouter({
  history: createWebHistory('/'),
  routes,
  strict: false,
  scrollBehavior: (to, from, saved) => saved ?? (to.path === from.path ? false : { top: 0 }),
})
